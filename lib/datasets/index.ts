export type { Cifar10Records } from '../formats/cifar.ts';
export { readCifar10 } from '../formats/cifar.ts';
export type { IdxArray, IdxData } from '../formats/idx.ts';
export { readIdx } from '../formats/idx.ts';
export type { NpyArray, NpyData } from '../formats/npy.ts';
export { readNpy, writeNpy } from '../formats/npy.ts';
export type { Cifar10Options } from './cifar10.ts';
export { cifar10 } from './cifar10.ts';
export type { NestedNumbers } from './copies.ts';
export type { CrossOptions } from './cross-features.ts';
export { crossFeatures } from './cross-features.ts';
export type { CsvFormatOptions, CsvOptions, TargetKind } from './csv.ts';
export { csv } from './csv.ts';
export type { InputName, LabelKind, LabelOf, Sample, ShapeOf } from './dataset.ts';
export { Dataset } from './dataset.ts';
export type { ValuesOf } from './dataset-parts.ts';
export type { ClassDescription, ColumnDescription, DatasetDescription } from './description.ts';
export type { FoldOptions } from './fold.ts';
export type { ArraySource, KindOf } from './from-arrays.ts';
export { fromArrays } from './from-arrays.ts';
export type { InputSets, InputsSource, KindOfInputs, ShapesOf } from './from-inputs.ts';
export { fromInputs } from './from-inputs.ts';
export { fromRows } from './from-rows.ts';
export type { SparseSource } from './from-sparse.ts';
export { fromSparse } from './from-sparse.ts';
export { fromTable } from './from-table.ts';
export type { TextKindOf, TextLabels, TextSource } from './from-texts.ts';
export { fromTexts } from './from-texts.ts';
export type { IdxSource } from './idx.ts';
export { idx } from './idx.ts';
export type { ImageFolderOptions } from './image-folder.ts';
export { imageFolder } from './image-folder.ts';
export type { ImageOptions, ImageSize } from './image-options.ts';
export type { JsonFormatOptions, JsonOptions } from './json.ts';
export { json, ndjson } from './json.ts';
export type { LabelData } from './labels.ts';
export type { LibsvmLike, LibsvmOptions } from './libsvm.ts';
export { libsvm } from './libsvm.ts';
export type { MapOptions } from './map.ts';
export type { WorkerMapOptions } from './map-in-workers.ts';
export type { Memory } from './mapped-inputs.ts';
export type { FolderOptions, TrainAndTest } from './mnist.ts';
export { fashionMnist, mnist } from './mnist.ts';
export type { NormalizeOptions } from './normalize.ts';
export type { NpySource } from './npy.ts';
export { npy } from './npy.ts';
export { digits, iris } from './package-sets.ts';
export type { Norm, NormStep, Preprocessing } from './preprocessing.ts';
export type { ReadCsvOptions } from './read-csv.ts';
export { readCsv } from './read-csv.ts';
export { readImage } from './read-image.ts';
export type { ReadShardsOptions } from './read-shards.ts';
export { readShards } from './read-shards.ts';
export type { SparseSample } from './read-sparse.ts';
export type { RowValue } from './row-values.ts';
export type { SplitOptions } from './split.ts';
export { standardize } from './standardize.ts';
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
} from './stream.ts';
export type {
  CategoryColumn,
  CategoryEncoding,
  Column,
  MissingPolicy,
  NumberColumn,
  Table,
} from './table.ts';
export type { ByColumn, HashOptions, LikeOptions, TableOptions } from './table-options.ts';
export type { TargetData } from './targets.ts';
export type { VwOptions } from './vw.ts';
export { vw } from './vw.ts';
export type { WriteShardsOptions, WrittenShards } from './write-shards.ts';
export { writeShards } from './write-shards.ts';
