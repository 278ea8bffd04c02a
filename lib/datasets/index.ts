export type { Cifar10Records } from '../formats/cifar.ts';
export { readCifar10 } from '../formats/cifar.ts';
export type { IdxArray, IdxData } from '../formats/idx.ts';
export { readIdx } from '../formats/idx.ts';
export type { NpyArray, NpyData } from '../formats/npy.ts';
export { readNpy, writeNpy } from '../formats/npy.ts';
export type { ArraySource, KindOf } from './arrays/from-arrays.ts';
export { fromArrays } from './arrays/from-arrays.ts';
export type { InputSets, InputsSource, KindOfInputs, ShapesOf } from './arrays/from-inputs.ts';
export { fromInputs } from './arrays/from-inputs.ts';
export type { SparseSource } from './arrays/from-sparse.ts';
export { fromSparse } from './arrays/from-sparse.ts';
export type { TextKindOf, TextLabels, TextSource } from './arrays/from-texts.ts';
export { fromTexts } from './arrays/from-texts.ts';
export type { InputName, LabelKind, LabelOf, Sample, ShapeOf } from './dataset.ts';
export { Dataset } from './dataset.ts';
export type { RowValue } from './encoding/row-values.ts';
export type { ByColumn, HashOptions, LikeOptions, TableOptions } from './encoding/table-options.ts';
export type { Cifar10Options } from './files/cifar10.ts';
export { cifar10 } from './files/cifar10.ts';
export type { IdxSource } from './files/idx.ts';
export { idx } from './files/idx.ts';
export type { FolderOptions, TrainAndTest } from './files/mnist.ts';
export { fashionMnist, mnist } from './files/mnist.ts';
export type { NpySource } from './files/npy.ts';
export { npy } from './files/npy.ts';
export { digits, iris } from './files/package-sets.ts';
export type { ImageFolderOptions } from './images/image-folder.ts';
export { imageFolder } from './images/image-folder.ts';
export type { ImageOptions, ImageSize } from './images/image-options.ts';
export { readImage } from './images/read-image.ts';
export type { ClassDescription, ColumnDescription, DatasetDescription } from './operations/description.ts';
export type { FoldOptions } from './operations/fold.ts';
export type { MapOptions } from './operations/map.ts';
export type { WorkerMapOptions } from './operations/map-in-workers.ts';
export type { NormalizeOptions } from './operations/normalize.ts';
export type { SplitOptions } from './operations/split.ts';
export type { ValuesOf } from './parts/dataset-parts.ts';
export type { Memory } from './parts/mapped-inputs.ts';
export type { Norm, NormStep, Preprocessing } from './parts/preprocessing.ts';
export type {
  CategoryColumn,
  CategoryEncoding,
  Column,
  MissingPolicy,
  NumberColumn,
  Table,
} from './parts/table.ts';
export type { ReadShardsOptions } from './shards/read-shards.ts';
export { readShards } from './shards/read-shards.ts';
export type { WriteShardsOptions, WrittenShards } from './shards/write-shards.ts';
export { writeShards } from './shards/write-shards.ts';
export type { LibsvmLike, LibsvmOptions } from './sparse/libsvm.ts';
export { libsvm } from './sparse/libsvm.ts';
export type { VwOptions } from './sparse/vw.ts';
export { vw } from './sparse/vw.ts';
export {
  fromStream,
  type NamedStreamItem,
  type NamedStreamSource,
  type SampleStream,
  type StreamBatch,
  type StreamInput,
  type StreamItem,
  type StreamOptions,
  type StreamSample,
  type StreamSource,
} from './streams/stream.ts';
export type { CsvFormatOptions, CsvOptions, TargetKind } from './tables/csv.ts';
export { csv } from './tables/csv.ts';
export { fromRows } from './tables/from-rows.ts';
export type { JsonFormatOptions, JsonOptions } from './tables/json.ts';
export { json, ndjson } from './tables/json.ts';
export type { ReadCsvOptions } from './tables/read-csv.ts';
export { readCsv } from './tables/read-csv.ts';
export type { CrossOptions } from './transforms/cross-features.ts';
export { crossFeatures } from './transforms/cross-features.ts';
export { fromTable } from './transforms/from-table.ts';
export { standardize } from './transforms/standardize.ts';
export type { NestedNumbers } from './values/copies.ts';
export type { LabelData } from './values/labels.ts';
export type { SparseSample } from './values/read-sparse.ts';
export type { TargetData } from './values/targets.ts';
