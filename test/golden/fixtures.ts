/** Reads the golden fixtures, which stand beside the repository: their README says how they were made and what each tensor is. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeSafetensors } from '../../lib/formats/safetensors.ts';

const FOLDER = fileURLToPath(new URL('../../../shared/golden/', import.meta.url));
const MANIFEST = join(FOLDER, 'manifest.json');

export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** What the manifest says of a case. */
interface Entry {
  readonly file: string;
  readonly name: string;
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** What the names of its tensors begin with. */
  readonly prefix: string;
  readonly inputs?: string | readonly string[];
  readonly outputs?: readonly string[];
}

export interface GoldenCase extends Entry {
  /** A tensor of the case. */
  readonly tensor: (name: string) => GoldenTensor;
  /** One that several cases share, by its whole name. */
  readonly shared: (name: string) => GoldenTensor;
  /** The names of the case's own tensors, without the prefix. */
  readonly tensorNames: readonly string[];
}

/** All cases of the manifest, or undefined where there are no fixtures. */
export function readCases(): GoldenCase[] | undefined {
  if (!existsSync(MANIFEST)) return undefined;
  const { cases } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { readonly cases: readonly Entry[] };
  const files = new Map<string, ReadonlyMap<string, GoldenTensor>>();
  return cases.map((entry) => {
    const tensors = files.get(entry.file) ?? readTensors(entry.file);
    files.set(entry.file, tensors);
    const shared = (name: string) => {
      const found = tensors.get(name);
      if (found === undefined) throw new Error(`${entry.file} has no tensor ${name}`);
      return found;
    };
    const names = [...tensors.keys()].filter((name) => name.startsWith(entry.prefix));
    return {
      ...entry,
      tensor: (name) => shared(entry.prefix + name),
      shared,
      tensorNames: names.map((name) => name.slice(entry.prefix.length)),
    };
  });
}

function readTensors(file: string): ReadonlyMap<string, GoldenTensor> {
  const path = join(FOLDER, file);
  const decoded = new Map<string, GoldenTensor>();
  for (const [name, { shape, data }] of decodeSafetensors(readFileSync(path), path, { checksum: 'optional' })
    .tensors) {
    if (!(data instanceof Float32Array || data instanceof Int32Array)) {
      throw new Error(`${path}: ${name} is neither F32 nor I32`);
    }
    decoded.set(name, { shape, data });
  }
  return decoded;
}

export function floatsOf({ data }: GoldenTensor): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new Error('expected a tensor of F32');
}

export function integersOf({ data }: GoldenTensor): Int32Array {
  if (data instanceof Int32Array) return data;
  throw new Error('expected a tensor of I32');
}
