import { join } from 'node:path';
import { boolean, readOptions, readValue, text, withDefault } from '../../core/options.ts';
import { type InputShape, type Shape, sizeOf } from '../../core/shape.ts';
import { placesOf, readShard } from '../../formats/shard-file.ts';
import { buildDataset, copyWeights } from '../arrays/from-arrays.ts';
import { Dataset, partsOf } from '../dataset.ts';
import type { AnyParts, InputParts, LabelKind, LabelParts, Labels } from '../parts/dataset-parts.ts';
import { mapFiles } from '../parts/mapped-inputs.ts';
import { type LabelData, readLabels } from '../values/labels.ts';
import { readTargets } from '../values/targets.ts';
import { layoutOf, recordsOf, type ShardedInput } from './shard-kind.ts';
import { type Manifest, readManifest } from './shard-manifest.ts';

export interface ReadShardsOptions {
  /** Compares the files' checksums, for which they are read whole, piece by piece. Default: false. */
  readonly verify?: boolean;
}

const OPTIONS = { verify: withDefault(boolean, false) };

/**
 * The samples of a folder that `writeShards` has written, all its files as one dataset. Inputs stay in the files, which are mapped
 * and may be larger than memory; ids, labels and weights are read. Headers and lengths are checked; inputs are read by `verify` alone.
 *
 * @example
 * const [train, test] = (await readShards('clicks')).split({ fraction: 0.9, seed: 1 });
 *
 * @example
 * const visits = await readShards<'targets', { user: [1]; facts: [2] }>('visits'); // the kind of labels, the inputs' shapes
 *
 * Throws `FILE_NOT_FOUND` without a manifest or a file that it names, `FILE_FORMAT` with the file and the offset or field where they
 * do not fit each other, and `CHECKSUM_MISMATCH`.
 */
export async function readShards<Label extends LabelKind = 'class', Input extends InputShape = Shape>(
  folder: string,
  options: ReadShardsOptions = {},
): Promise<Dataset<Input, Label>> {
  readValue('readShards', 'folder', folder, text);
  const { verify } = readOptions('readShards', options, OPTIONS);
  const manifest = await readManifest(folder);
  const id = Buffer.from(manifest.id, 'hex');
  const pieces = { ids: [] as Uint8Array[], labels: [] as Uint8Array[], weights: [] as Uint8Array[] };
  for (const { file, samples, sha256 } of manifest.shards) {
    const expected = { layout: layoutOf(manifest, samples), id, checksum: verify ? sha256 : undefined };
    const shard = await readShard(join(folder, file), expected);
    pieces.ids.push(shard.ids);
    pieces.labels.push(shard.labels);
    pieces.weights.push(shard.weights);
  }
  const count = manifest.shards.reduce((sum, { samples }) => sum + samples, 0);
  const labels = labelsOf(manifest, joined(pieces.labels), count);
  const weights = manifest.weighted ? new Float32Array(joined(pieces.weights)) : undefined;
  const inputs = inputsOf(folder, manifest, joined(pieces.ids));
  const [[name, only]] = inputs as [(typeof inputs)[number]];
  const rest = {
    ...labels,
    classCount: Math.max(labels.classCount, manifest.classCount),
    sampleWeights: copyWeights('readShards', weights, count),
  };
  const columns = Object.freeze(Object.fromEntries(inputs));
  const parts: AnyParts = name === '' ? { ...only, ...rest } : { ...rest, columns };
  return new Dataset(parts) as unknown as Dataset<Input, Label>;
}

/** By name, in the order of the manifest. */
function inputsOf(folder: string, manifest: Manifest, ids: ArrayBuffer) {
  const records = recordsOf(manifest.inputs);
  return manifest.inputs.map((input, i): readonly [name: string, input: InputParts] => {
    const place = records.places[i] as number;
    const { name, inputShape, preprocessing, table } = input;
    const inputs =
      input.inputType === 'int32'
        ? new Int32Array(cut(ids, { width: records.ids / 4, first: place / 4, size: sizeOf(inputShape) }))
        : mapShards(folder, manifest, input, place);
    const set = buildDataset(name === '' ? 'readShards' : `readShards: inputs.${name}`, {
      ...{ inputs, inputShape },
      ...{ labels: undefined, labelKind: undefined, labelShape: undefined, classNames: undefined },
      ...{ sampleWeights: undefined, scale: undefined, shift: undefined },
    });
    return [name, Object.freeze({ inputShape, inputs: partsOf(set).inputs, preprocessing, table })];
  });
}

function mapShards(folder: string, manifest: Manifest, input: ShardedInput, place: number) {
  return mapFiles({
    type: input.inputType === 'uint8' ? 'uint8' : 'float32',
    size: sizeOf(input.inputShape),
    stride: layoutOf(manifest, 0).inputs,
    planes: 1,
    files: manifest.shards.map(({ file, samples }) => {
      const { inputs, bytes } = placesOf(layoutOf(manifest, samples));
      return { path: join(folder, file), bytes, offset: inputs + place, rows: samples };
    }),
  });
}

/** Of rows of `width` numbers of four bytes the `size` ones from `first` on. */
function cut(
  rows: ArrayBuffer,
  { width, first, size }: { readonly width: number; readonly first: number; readonly size: number },
): ArrayBuffer {
  if (size === width) return rows;
  const all = new Uint32Array(rows);
  const count = all.length / width;
  const own = new Uint32Array(count * size);
  for (let row = 0; row < count; row++) {
    const begin = row * width + first;
    own.set(all.subarray(begin, begin + size), row * size);
  }
  return own.buffer;
}

function labelsOf(manifest: Manifest, buffer: ArrayBuffer, count: number): LabelParts {
  const { labelKind, labelType, labelShape, classNames, targets } = manifest;
  if (targets !== undefined) {
    const width = labelShape[0] as number;
    const data = targets.map(({ name, kind, shape, first }): readonly [string, LabelData] => {
      const own = new Float32Array(cut(buffer, { width, first, size: sizeOf(shape) }));
      return [name, kind === 'class' ? [...own] : own];
    });
    return readTargets('readShards', 'targets', Object.fromEntries(data), count) as LabelParts;
  }
  const labels: Record<Manifest['labelType'], () => Labels | undefined> = {
    uint8: () => new Uint8Array(buffer),
    int32: () => new Int32Array(buffer),
    float32: () => new Float32Array(buffer),
    none: () => undefined,
  };
  const given = { labels: labels[labelType](), labelKind, classNames };
  const shape = labelKind === 'values' ? labelShape : undefined;
  return { ...readLabels('readShards', { ...given, labelShape: shape }, count), rows: undefined };
}

/** In a buffer of their own, at its beginning. */
function joined(pieces: readonly Uint8Array[]): ArrayBuffer {
  return Uint8Array.from(Buffer.concat(pieces)).buffer;
}
