/**
 * Samples in a file of ours, made to be mapped: a header of 64 bytes (`GLSHARD1`; as little-endian uint64 the numbers of samples,
 * of bytes of a sample's inputs, of its labels and of its weight; 16 bytes that all shards of a set share; the number of bytes of a
 * sample's ids), then all inputs, all ids, all labels and all weights, each from a multiple of 64 on.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { GradloomError } from '../core/errors.ts';
import { openFile, replaceFile } from './files.ts';
import { formatError } from './format-error.ts';

export interface ShardLayout {
  readonly samples: number;
  /** Bytes of one sample: what is mapped, and what is read into memory. */
  readonly inputs: number;
  readonly ids: number;
  readonly labels: number;
  readonly weights: number;
}

const MAGIC = Buffer.from('GLSHARD1');
const HEADER_BYTES = 64;
const ALIGNMENT = 64;
const ID_AT = 40;
export const ID_BYTES = 16;

/** Where each part of a shard begins, and where the file ends. */
export function placesOf({ samples, inputs, ids, labels, weights }: ShardLayout) {
  const align = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
  const idsAt = align(HEADER_BYTES + samples * inputs);
  const labelsAt = align(idsAt + samples * ids);
  const weightsAt = align(labelsAt + samples * labels);
  return {
    inputs: HEADER_BYTES,
    ids: idsAt,
    labels: labelsAt,
    weights: weightsAt,
    bytes: weightsAt + samples * weights,
  };
}

function encodeHeader(layout: ShardLayout, id: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.set(MAGIC);
  for (const [name, place] of FIELDS) header.writeBigUInt64LE(BigInt(layout[name]), place);
  header.set(id, ID_AT);
  return header;
}

/** By their places in the header, the id of the set between them. */
const FIELDS = [
  ['samples', 8],
  ['inputs', 16],
  ['labels', 24],
  ['weights', 32],
  ['ids', 56],
] as const;

/** What stands behind the inputs, in order. */
const SECTIONS = ['ids', 'labels', 'weights'] as const;
type Section = (typeof SECTIONS)[number];

/** What is written of one sample or several, in order. */
export type ShardPiece = Readonly<Record<Section | 'inputs', Uint8Array>> & { readonly samples: number };

/**
 * Writes a shard, all or nothing, piece by piece, with what ids, labels and weights take in memory. Gives the number of samples
 * and the SHA-256 of all behind the header, in hexadecimal digits.
 */
export async function writeShard(
  path: string,
  pieces: AsyncIterable<ShardPiece>,
  { id, ...sizes }: Omit<ShardLayout, 'samples'> & { readonly id: Uint8Array },
): Promise<{ readonly samples: number; readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  const held: Record<Section, Uint8Array[]> = { ids: [], labels: [], weights: [] };
  let samples = 0;
  let position = HEADER_BYTES;
  await replaceFile(path, async (handle) => {
    const append = async (bytes: Uint8Array) => {
      hash.update(bytes);
      await writeAll(handle, bytes, position);
      position += bytes.length;
    };
    for await (const piece of pieces) {
      samples += piece.samples;
      for (const section of SECTIONS) held[section].push(piece[section]);
      await append(piece.inputs);
    }
    const layout = { ...sizes, samples };
    const places = placesOf(layout);
    for (const section of SECTIONS) {
      await append(new Uint8Array(places[section] - position));
      await append(Buffer.concat(held[section]));
    }
    await writeAll(handle, encodeHeader(layout, id), 0);
  });
  return { samples, bytes: position, sha256: hash.digest('hex') };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const rest = bytes.length - written;
    written += (await handle.write(bytes, written, rest, position + written)).bytesWritten;
  }
}

const PIECE_BYTES = 2 ** 20;

/**
 * Checks a shard's header and length and gives all but its inputs; with a checksum also that. Throws `FILE_NOT_FOUND` and
 * `FILE_FORMAT`.
 */
export async function readShard(
  path: string,
  {
    layout,
    id,
    checksum,
  }: { readonly layout: ShardLayout; readonly id: Uint8Array; readonly checksum?: string | undefined },
): Promise<Readonly<Record<Section, Uint8Array<ArrayBuffer>>>> {
  const handle = await openFile(path);
  try {
    const places = placesOf(layout);
    const { bytes } = places;
    const { size } = await handle.stat();
    if (size !== bytes)
      throw formatError(path, Math.min(size, bytes), `the file has ${size} bytes; expected ${bytes}`);
    const header = await readRange(handle, 0, HEADER_BYTES);
    const expected = encodeHeader(layout, id);
    const wrong = expected.findIndex((byte, place) => byte !== header[place]);
    if (wrong >= 0) {
      throw formatError(
        path,
        wrong,
        `${partAt(wrong)} is not what the manifest of the set says; is the file of another set?`,
      );
    }
    if (checksum !== undefined && (await digestOf(handle, bytes)) !== checksum) {
      throw new GradloomError(
        'CHECKSUM_MISMATCH',
        `${path}: the checksum of the manifest is another; the file was damaged: write or copy it again`,
      );
    }
    const read = (section: Section) => readRange(handle, places[section], layout.samples * layout[section]);
    return { ids: await read('ids'), labels: await read('labels'), weights: await read('weights') };
  } finally {
    await handle.close();
  }
}

/** Of the header, for errors. */
function partAt(place: number): string {
  if (place < 8) return 'the magic number';
  const [name = "the set's id"] = FIELDS.find(([, first]) => place >= first && place < first + 8) ?? [];
  return name;
}

async function readRange(
  handle: FileHandle,
  position: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(
      bytes,
      done,
      Math.min(length - done, PIECE_BYTES),
      position + done,
    );
    if (bytesRead === 0) break; // cut short meanwhile: who maps it will notice
    done += bytesRead;
  }
  return bytes;
}

async function digestOf(handle: FileHandle, length: number): Promise<string> {
  const hash = createHash('sha256');
  for (let position = HEADER_BYTES; position < length; position += PIECE_BYTES) {
    hash.update(await readRange(handle, position, Math.min(PIECE_BYTES, length - position)));
  }
  return hash.digest('hex');
}
