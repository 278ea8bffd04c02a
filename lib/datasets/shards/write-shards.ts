/** Prepared data into a folder of ours, from a dataset or from a stream of any length. */
import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GradloomError } from '../../core/errors.ts';
import { extent, guardedBy, readOptions, readValue, text, withDefault } from '../../core/options.ts';
import { type InputShape, sizeOf } from '../../core/shape.ts';
import { checkPath, isSystemError, makeFolders, writeFileAtomic } from '../../formats/files.ts';
import { ID_BYTES, type ShardPiece, writeShard } from '../../formats/shard-file.ts';
import { type AnyDataset, anyPartsOf, Dataset } from '../dataset.ts';
import type { AnyParts, InputParts } from '../parts/dataset-parts.ts';
import { countOf } from '../parts/samples.ts';
import { type DenseInputs, rowOf } from '../parts/stored-inputs.ts';
import { readStream, SampleStream } from '../streams/stream.ts';
import {
  checkKind,
  kindOf,
  layoutOf,
  namedInputsOf,
  recordsOf,
  type ShardedInput,
  type ShardedKind,
} from './shard-kind.ts';
import { encodeManifest, MANIFEST, type ShardEntry } from './shard-manifest.ts';

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
 * Writes samples as a model's training wants them into files that `readShards` maps: uint8, float32 or ids of one input or of several
 * by name, with labels or targets, sample weights, class names, preprocessing and tables. The folder is made where it is
 * missing. Of a stream what its `samplesPerEpoch` are is in memory, beside the labels and ids of a file.
 *
 * A file is written whole or not at all, and `shards.json`, which makes the folder a set, last. What an attempt that failed has
 * written is removed.
 *
 * @example
 * await writeShards(fromStream(rows(), { inputShape: [20] }), 'clicks');
 * const clicks = await readShards('clicks');
 *
 * Throws `INVALID_OPTION` for a folder that holds a set already, `INVALID_DATA` for sparse samples and for a stream without
 * samples, `SHAPE_MISMATCH` where data sets of a stream differ in kind, and what the stream throws.
 */
export async function writeShards(
  source: AnyDataset | SampleStream<InputShape>,
  folder: string,
  options: WriteShardsOptions = {},
): Promise<WrittenShards> {
  readValue('writeShards', 'folder', folder, text);
  const { samplesPerShard } = readOptions('writeShards', options, OPTIONS);
  const pieces = new Pieces(readValue('writeShards', 'source', source, known));
  await refuseSet(folder);
  const id = randomBytes(ID_BYTES);
  const shards: ShardEntry[] = [];
  let bytes = 0;
  try {
    // The first samples are looked at before anything is written.
    if (!(await pieces.hasMore())) {
      throw new GradloomError(
        'INVALID_DATA',
        'writeShards: the stream has no samples; a set has at least one',
      );
    }
    makeFolder(folder);
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
  (given): given is AnyDataset | SampleStream<InputShape> =>
    given instanceof Dataset || given instanceof SampleStream,
);

function makeFolder(folder: string): void {
  try {
    makeFolders(folder);
  } catch (error) {
    if (!isSystemError(error, 'EEXIST', 'ENOTDIR')) throw error;
    const text = `writeShards: ${folder} cannot be a folder, as there is a file of that name; give another`;
    throw new GradloomError('INVALID_OPTION', text, { cause: error });
  }
}

async function refuseSet(folder: string): Promise<void> {
  checkPath(folder);
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  });
  if (!names.includes(MANIFEST)) return;
  throw new GradloomError(
    'INVALID_OPTION',
    `writeShards: ${folder} holds a set already; choose another folder, or remove it first`,
  );
}

/** So many bytes of inputs are copied and written at once. */
const PIECE_BYTES = 2 ** 20;

/** Values of each sample, as they are stored, and where they go in the bytes of one. */
interface Column {
  readonly place: number;
  readonly bytes: number;
  readonly valuesOf: (row: number) => ArrayBufferView;
}

/** A source's samples in order, as the bytes of a file; the data sets of a stream must be of one kind. */
class Pieces {
  readonly #sets: AsyncGenerator<AnyDataset, void, undefined>;
  #parts: AnyParts | undefined;
  #place = 0;
  #kind: ShardedKind | undefined;
  /** Of the samples so far. */
  classCount = 0;

  constructor(source: AnyDataset | SampleStream<InputShape>) {
    this.#sets = source instanceof Dataset ? only(source) : readStream(source, 'writeShards');
  }

  /** Known once there was a sample. */
  get kind(): ShardedKind {
    return this.#kind as ShardedKind;
  }

  async hasMore(): Promise<boolean> {
    while (this.#parts === undefined || this.#place === countOf(this.#parts)) {
      const { value, done } = await this.#sets.next();
      if (done) return false;
      this.#enter(anyPartsOf(value as AnyDataset));
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

  #enter(parts: AnyParts): void {
    const kind = kindOf('writeShards', parts);
    if (this.#kind === undefined) this.#kind = kind;
    else checkKind('writeShards', kind, this.#kind);
    this.#parts = parts;
    this.#place = 0;
    this.classCount = Math.max(this.classCount, parts.classCount);
  }

  #cut(most: number): ShardPiece {
    const parts = this.#parts as AnyParts;
    const layout = layoutOf(this.kind, 0);
    const samples = Math.min(
      most,
      countOf(parts) - this.#place,
      Math.max(1, Math.floor(PIECE_BYTES / (layout.inputs + layout.ids))),
    );
    const collect = (size: number, columns: readonly Column[]) => {
      const piece = new Uint8Array(samples * size);
      for (const { place, bytes, valuesOf } of columns) {
        for (let i = 0; i < samples; i++) {
          const { buffer, byteOffset } = valuesOf(parts.rows?.[this.#place + i] ?? this.#place + i);
          piece.set(new Uint8Array(buffer, byteOffset, bytes), i * size + place);
        }
      }
      return piece;
    };
    const inputs = this.#inputColumns(parts);
    const { labels, sampleWeights } = parts;
    const labelSize = sizeOf(parts.labelShape);
    const piece = {
      samples,
      inputs: collect(
        layout.inputs,
        inputs.filter(({ isId }) => !isId),
      ),
      ids: collect(
        layout.ids,
        inputs.filter(({ isId }) => isId),
      ),
      labels: collect(layout.labels, whole(layout.labels, labels, labelSize)),
      weights: collect(layout.weights, whole(layout.weights, sampleWeights, 1)),
    };
    this.#place += samples;
    return piece;
  }

  #inputColumns(parts: AnyParts): readonly (Column & { readonly isId: boolean })[] {
    const { places } = recordsOf(this.kind.inputs);
    const byName = new Map(namedInputsOf(parts));
    return this.kind.inputs.map(({ name, inputShape, inputType }: ShardedInput, i) => {
      const size = sizeOf(inputShape);
      const { inputs } = byName.get(name) as InputParts;
      return {
        place: places[i] as number,
        bytes: size * (inputType === 'uint8' ? 1 : 4),
        valuesOf: (row) => rowOf(inputs as DenseInputs, row, size),
        isId: inputType === 'int32',
      };
    });
  }
}

/** The column of what a set may be without. */
function whole(bytes: number, values: DenseInputs | undefined, size: number): readonly Column[] {
  return values === undefined ? [] : [{ place: 0, bytes, valuesOf: (row) => rowOf(values, row, size) }];
}

async function* only(dataset: AnyDataset): AsyncGenerator<AnyDataset, void, undefined> {
  yield dataset;
}
