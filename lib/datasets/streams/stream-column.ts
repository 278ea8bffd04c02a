/** One input of the samples of a stream's epoch, with room for more of them than there are, up to all of the next one's. */
import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import { formatValue } from '../../core/options.ts';
import { formatShape, type Shape, sizeOf } from '../../core/shape.ts';
import { datasetOf } from '../arrays/from-arrays.ts';
import { buildSparse } from '../arrays/from-sparse.ts';
import type { Dataset } from '../dataset.ts';
import { allocate, checkFinite, flattenSamples, isList } from '../values/copies.ts';
import { readSparseSample, toId } from '../values/read-sparse.ts';
import { invalid } from './stream-samples.ts';

type Dense<Memory extends ArrayBufferLike = ArrayBufferLike> =
  | Float32Array<Memory>
  | Uint8Array<Memory>
  | Int32Array<Memory>;

interface Sparse {
  readonly indices: Uint32Array;
  readonly values: Float32Array | undefined;
}

/** Of a stream's samples. */
export const AS_STORED = { scale: [1], shift: [0] } as const;

const NO_LABELS = {
  labels: undefined,
  labelKind: undefined,
  labelShape: undefined,
  classNames: undefined,
  sampleWeights: undefined,
};

export class StreamColumn {
  /** Empty in a stream of one input. */
  readonly name: string;
  readonly shape: Shape;
  readonly #field: string;
  /** Samples that there may have to be room for. */
  readonly #most: number;
  /** Values that there was room for in the epoch before. */
  #room = 0;
  #dense: Dense<ArrayBuffer> = new Float32Array(0);
  #sparse: Sparse[] = [];
  #length = 0;

  constructor(name: string, shape: Shape, most: number) {
    this.name = name;
    this.shape = shape;
    this.#most = most;
    this.#field = name === '' ? 'input' : `input.${name}`;
  }

  /** Copies a sample; `item` is what errors begin with. */
  add(item: string, given: unknown): void {
    if (this.name !== '' && !isList(given)) this.#addSparse(item, given);
    else this.#addDense(item, given);
    this.#length += 1;
  }

  #addSparse(item: string, given: unknown): void {
    const isSparse = typeof given === 'object' && given !== null && 'indices' in given;
    if (!isSparse || this.shape.length !== 1) {
      throw invalid(
        item,
        `must have ${this.#field} as the values of a sample ${formatShape(this.shape)}, ids as an Int32Array, or { indices, values } of a sparse one, got ${formatValue(given)}`,
      );
    }
    if (this.#length > this.#sparse.length) throw this.#mixed(item, 'sparse', typeOf(this.#dense).name);
    this.#sparse.push(readSparseSample(item, this.#field, given, this.shape[0] as number));
  }

  #addDense(item: string, given: unknown): void {
    const size = sizeOf(this.shape);
    const isReady = types.isFloat32Array(given) || types.isUint8Array(given) || types.isInt32Array(given);
    if (isReady && given.length !== size) {
      const whose = this.name === '' ? '' : ` of ${this.#field}`;
      throw invalid(
        item,
        `has ${given.length} values${whose}, and samples have shape ${formatShape(this.shape)}`,
      );
    }
    if (this.name !== '' && this.shape.length === 1 && isList(given) && given.length !== size) {
      throw new GradloomError(
        'SHAPE_MISMATCH',
        `${item} has ${given.length} values of ${this.#field}, and samples have shape ${formatShape(this.shape)}; features of a sparse sample are { indices: [...] }`,
      );
    }
    const values = isReady ? given : flattenSamples(item, this.#field, [given], this.shape);
    if (isReady) this.#check(item, given);
    if (this.#sparse.length > 0) throw this.#mixed(item, typeOf(values).name, 'sparse');
    if (this.#length > 0 && typeOf(values) !== typeOf(this.#dense)) {
      throw this.#mixed(item, typeOf(values).name, typeOf(this.#dense).name);
    }
    this.#makeRoom(item, values);
    // A copy: the source may use its arrays again.
    this.#dense.set(values, this.#length * size);
  }

  #check(item: string, values: Dense): void {
    const { length: size } = values;
    if (types.isFloat32Array(values)) checkFinite(item, this.#field, values, size);
    if (!types.isInt32Array(values)) return;
    for (const [place, id] of values.entries()) toId(item, this.#field, id, { place, size });
  }

  /** The samples so far as a dataset without labels; none are left. */
  take(operation: string): Dataset {
    if (this.#sparse.length === 0) {
      const inputShape = this.shape;
      return datasetOf(operation, this.takeDense(), { ...NO_LABELS, ...AS_STORED, inputShape });
    }
    const samples = this.#sparse;
    [this.#sparse, this.#length] = [[], 0];
    return buildSparse(operation, {
      features: this.shape[0] as number,
      inputs: compress(samples),
      labels: undefined,
    });
  }

  /** Memory and all. */
  takeDense(): Dense<ArrayBuffer> {
    const inputs = this.#dense.subarray(0, this.#length * sizeOf(this.shape));
    this.#room = this.#dense.length;
    [this.#dense, this.#length] = [new Float32Array(0), 0];
    return inputs;
  }

  #makeRoom(item: string, sample: Dense): void {
    const needed = (this.#length + 1) * sample.length;
    const Type = typeOf(sample);
    if (this.#dense.length >= needed && typeOf(this.#dense) === Type) return;
    const wanted = Math.max(this.#room, Math.min(2 * needed, this.#most * sample.length));
    const larger = allocate(item, this.#field, wanted, (length) => new Type(length));
    if (this.#length > 0) larger.set(this.#dense);
    this.#dense = larger;
  }

  #mixed(item: string, one: string, others: string) {
    const article = one === 'sparse' ? one : `${one.startsWith('I') ? 'an' : 'a'} ${one}`;
    const what = this.name === '' ? 'is' : `has ${this.#field} as`;
    const rest = others === 'sparse' ? 'sparse samples' : `samples of ${others}`;
    return invalid(item, `${what} ${article} among ${rest}`);
  }
}

/** Compressed rows; without values unless a sample has some. */
function compress(samples: readonly Sparse[]) {
  const offsets = new Uint32Array(samples.length + 1);
  for (const [place, { indices }] of samples.entries()) {
    offsets[place + 1] = (offsets[place] as number) + indices.length;
  }
  const total = offsets.at(-1) as number;
  const indices = new Uint32Array(total);
  const isWeighted = samples.some(({ values }) => values !== undefined);
  const values = isWeighted ? new Float32Array(total).fill(1) : undefined;
  for (const [place, sample] of samples.entries()) {
    indices.set(sample.indices, offsets[place]);
    if (sample.values !== undefined) values?.set(sample.values, offsets[place]);
  }
  return { offsets, indices, values };
}

/** Also of Node's Buffer, whose own class makes no copies. */
function typeOf(values: Dense) {
  if (types.isFloat32Array(values)) return Float32Array;
  return types.isUint8Array(values) ? Uint8Array : Int32Array;
}
