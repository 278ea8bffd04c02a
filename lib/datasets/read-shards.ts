import { join } from 'node:path';
import { boolean, readOptions, readValue, text, withDefault } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { placesOf, readShard } from '../formats/shard-file.ts';
import { Dataset, partsOf } from './dataset.ts';
import type { LabelKind, Labels } from './dataset-parts.ts';
import { buildDataset } from './from-arrays.ts';
import { mapFiles } from './mapped-inputs.ts';
import { layoutOf, type Manifest, readManifest } from './shard-manifest.ts';

export interface ReadShardsOptions {
  /** Compares the files' checksums, for which they are read whole, piece by piece. Default: false. */
  readonly verify?: boolean;
}

const OPTIONS = { verify: withDefault(boolean, false) };

/**
 * The samples of a folder that `writeShards` has written, all its files as one dataset. Inputs stay in the files, which are mapped
 * and may be larger than memory; labels and weights are read. Headers and lengths are checked; inputs are read by `verify` alone.
 *
 * @example
 * const [train, test] = (await readShards('clicks')).split({ fraction: 0.9, seed: 1 });
 *
 * Throws `FILE_NOT_FOUND` without a manifest or a file that it names, `FILE_FORMAT` with the file and the offset or field where they
 * do not fit each other, and `CHECKSUM_MISMATCH`.
 */
export async function readShards<Label extends LabelKind = 'class'>(
  folder: string,
  options: ReadShardsOptions = {},
): Promise<Dataset<Shape, Label>> {
  readValue('readShards', 'folder', folder, text);
  const { verify } = readOptions('readShards', options, OPTIONS);
  const manifest = await readManifest(folder);
  const id = Buffer.from(manifest.id, 'hex');
  const labels: Uint8Array[] = [];
  const weights: Uint8Array[] = [];
  for (const { file, samples, sha256 } of manifest.shards) {
    const expected = { layout: layoutOf(manifest, samples), id, checksum: verify ? sha256 : undefined };
    const shard = await readShard(join(folder, file), expected);
    labels.push(shard.labels);
    weights.push(shard.weights);
  }
  const { inputShape, labelKind, labelShape, classNames, weighted, preprocessing, table } = manifest;
  const dataset = buildDataset('readShards', {
    inputs: mapShards(folder, manifest),
    inputShape,
    labels: labelKind === 'none' ? undefined : toLabels(manifest, labels),
    labelKind,
    labelShape: labelKind === 'values' ? labelShape : undefined,
    classNames,
    sampleWeights: weighted ? new Float32Array(joined(weights)) : undefined,
    scale: undefined,
    shift: undefined,
  });
  const classCount = Math.max(dataset.classCount, manifest.classCount);
  return new Dataset({ ...partsOf(dataset), classCount, preprocessing, table }) as Dataset<Shape, Label>;
}

function mapShards(folder: string, manifest: Manifest) {
  const { inputs: stride } = layoutOf(manifest, 0);
  return mapFiles({
    type: manifest.inputType,
    size: manifest.inputType === 'uint8' ? stride : stride / 4,
    stride,
    planes: 1,
    files: manifest.shards.map(({ file, samples }) => {
      const { inputsAt, bytes } = placesOf(layoutOf(manifest, samples));
      return { path: join(folder, file), bytes, offset: inputsAt, rows: samples };
    }),
  });
}

function toLabels({ labelType }: Manifest, pieces: readonly Uint8Array[]): Labels {
  const buffer = joined(pieces);
  if (labelType === 'uint8') return new Uint8Array(buffer);
  return labelType === 'int32' ? new Int32Array(buffer) : new Float32Array(buffer);
}

/** In a buffer of their own, at its beginning. */
function joined(pieces: readonly Uint8Array[]): ArrayBuffer {
  return Uint8Array.from(Buffer.concat(pieces)).buffer;
}
