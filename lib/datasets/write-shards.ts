/** Prepared data into a folder of ours, from a dataset or from a stream of any length. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GradloomError } from '../core/errors.ts';
import { extent, guardedBy, readOptions, readValue, text, withDefault } from '../core/options.ts';
import { sizeOf } from '../core/shape.ts';
import { checkPath, isSystemError, writeFileAtomic } from '../formats/files.ts';
import { ID_BYTES, type ShardPiece, writeShard } from '../formats/shard-file.ts';
import { countOf } from './concat.ts';
import { Dataset, partsOf } from './dataset.ts';
import type { DatasetParts, DenseInputs, Labels } from './dataset-parts.ts';
import { rowOf } from './mapped-inputs.ts';
import {
  encodeManifest,
  kindOf,
  layoutOf,
  MANIFEST,
  type ShardEntry,
  type ShardedKind,
} from './shard-manifest.ts';
import { readStream, SampleStream } from './stream.ts';

export interface WriteShardsOptions {
  /** Samples of a file; the last one may have fewer. Default: 65,536. */
  readonly samplesPerShard?: number;
}

const OPTIONS = { samplesPerShard: withDefault(extent, 65_536) };

export interface WrittenShards {
  readonly samples: number;
  readonly files: number;
  /** Of all files but the manifest. */
  readonly bytes: number;
}

/**
 * Writes samples as a model's training wants them into files that `readShards` maps: uint8 or float32 of one input, with labels,
 * sample weights, class names, preprocessing and table. The folder is made where it is missing. Of a stream what its
 * `samplesPerEpoch` are is in memory, beside the labels of a file.
 *
 * A file is written whole or not at all, and `shards.json`, which makes the folder a set, last. What an attempt that failed has
 * written is removed.
 *
 * @example
 * await writeShards(fromStream(rows(), { inputShape: [20] }), 'clicks');
 * const clicks = await readShards('clicks');
 *
 * Throws `INVALID_OPTION` for a folder that holds a set already, `INVALID_DATA` for samples of ids, sparse samples and several
 * inputs and for a stream without samples, `SHAPE_MISMATCH` where data sets of a stream differ in kind, and what the stream
 * throws.
 */
export async function writeShards(
  source: Dataset | SampleStream,
  folder: string,
  options: WriteShardsOptions = {},
): Promise<WrittenShards> {
  readValue('writeShards', 'folder', folder, text);
  const { samplesPerShard } = readOptions('writeShards', options, OPTIONS);
  const pieces = new Pieces(readValue('writeShards', 'source', source, known));
  await makeFolder(folder);
  await refuseSet(folder);
  const id = randomBytes(ID_BYTES);
  const shards: ShardEntry[] = [];
  let bytes = 0;
  try {
    while (await pieces.hasMore()) {
      const file = `shard-${String(shards.length).padStart(5, '0')}.bin`;
      const layout = { id, ...layoutOf(pieces.kind, 0) };
      const {
        samples,
        sha256,
        bytes: length,
      } = await writeShard(join(folder, file), pieces.take(samplesPerShard), layout);
      shards.push({ file, samples, sha256 });
      bytes += length;
    }
    const manifest = { ...pieces.kind, id: id.toString('hex'), classCount: pieces.classCount, shards };
    await writeFileAtomic(join(folder, MANIFEST), encodeManifest(manifest));
  } catch (error) {
    await Promise.all(shards.map(({ file }) => rm(join(folder, file), { force: true })));
    throw error;
  } finally {
    await pieces.end();
  }
  return { samples: shards.reduce((sum, { samples }) => sum + samples, 0), files: shards.length, bytes };
}

const known = guardedBy(
  'a Dataset or what fromStream gives',
  (given): given is Dataset | SampleStream => given instanceof Dataset || given instanceof SampleStream,
);

async function makeFolder(folder: string): Promise<void> {
  checkPath(folder);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    if (!isSystemError(error, 'EEXIST', 'ENOTDIR')) throw error;
    const text = `writeShards: ${folder} cannot be a folder, as there is a file of that name; give another`;
    throw new GradloomError('INVALID_OPTION', text, { cause: error });
  }
}

async function refuseSet(folder: string): Promise<void> {
  const names = await readdir(folder);
  if (!names.includes(MANIFEST)) return;
  throw new GradloomError(
    'INVALID_OPTION',
    `writeShards: ${folder} holds a set already; choose another folder, or remove it first`,
  );
}

/** So many bytes of inputs are copied and written at once. */
const PIECE_BYTES = 2 ** 20;

/** A source's samples in order, as the bytes of a file; the data sets of a stream must be of one kind. */
class Pieces {
  readonly #sets: AsyncGenerator<Dataset, void, undefined>;
  #parts: DatasetParts | undefined;
  #place = 0;
  #kind: ShardedKind | undefined;
  /** Of the samples so far. */
  classCount = 0;

  constructor(source: Dataset | SampleStream) {
    this.#sets = source instanceof Dataset ? only(source) : readStream(source, 'writeShards');
  }

  /** Known once there was a sample. */
  get kind(): ShardedKind {
    if (this.#kind !== undefined) return this.#kind;
    throw new GradloomError('INVALID_DATA', 'writeShards: the stream has no samples; a set has at least one');
  }

  async hasMore(): Promise<boolean> {
    while (this.#parts === undefined || this.#place === countOf(this.#parts)) {
      const { value, done } = await this.#sets.next();
      if (done) return false;
      this.#enter(partsOf(value as Dataset, 'writeShards'));
    }
    return true;
  }

  async *take(most: number): AsyncGenerator<ShardPiece, void, undefined> {
    for (let left = most; left > 0 && (await this.hasMore()); ) {
      const piece = this.#cut(left);
      left -= piece.samples;
      yield piece;
    }
  }

  async end(): Promise<void> {
    await this.#sets.return();
  }

  #enter(parts: DatasetParts): void {
    const kind = kindOf('writeShards', parts);
    this.#kind ??= kind;
    for (const field of Object.keys(kind) as (keyof ShardedKind)[]) {
      const [got, expected] = [kind[field], this.#kind[field]].map(
        (value) => JSON.stringify(value) ?? 'none',
      );
      if (got === expected) continue;
      throw new GradloomError(
        'SHAPE_MISMATCH',
        `writeShards: a data set of the stream has ${field} ${got}, the first ${expected}`,
      );
    }
    this.#parts = parts;
    this.#place = 0;
    this.classCount = Math.max(this.classCount, parts.classCount);
  }

  #cut(most: number): ShardPiece {
    const parts = this.#parts as DatasetParts;
    const { inputShape, labelShape, labels, sampleWeights } = parts;
    const inputs = parts.inputs as DenseInputs;
    const layout = layoutOf(this.kind, 0);
    const samples = Math.min(
      most,
      countOf(parts) - this.#place,
      Math.max(1, Math.floor(PIECE_BYTES / layout.inputs)),
    );
    const collect = (bytes: number, valuesOf: (row: number) => ArrayBufferView) => {
      const piece = new Uint8Array(samples * bytes);
      for (let i = 0; bytes > 0 && i < samples; i++) {
        const { buffer, byteOffset } = valuesOf(parts.rows?.[this.#place + i] ?? this.#place + i);
        piece.set(new Uint8Array(buffer, byteOffset, bytes), i * bytes);
      }
      return piece;
    };
    const [size, labelSize] = [sizeOf(inputShape), sizeOf(labelShape)];
    const piece = {
      samples,
      inputs: collect(layout.inputs, (row) => rowOf(inputs, row, size)),
      labels: collect(layout.labels, (row) => rowOf(labels as Labels, row, labelSize)),
      weights: collect(layout.weights, (row) => rowOf(sampleWeights as Float32Array<ArrayBuffer>, row, 1)),
    };
    this.#place += samples;
    return piece;
  }
}

async function* only(dataset: Dataset): AsyncGenerator<Dataset, void, undefined> {
  yield dataset;
}
