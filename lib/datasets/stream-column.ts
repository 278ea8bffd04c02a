/** One input of the samples of a stream's epoch, with room for more of them than there are, used again for each epoch. */
import { types } from 'node:util';
import { formatValue } from '../core/options.ts';
import { formatShape, type Shape, sizeOf } from '../core/shape.ts';
import { flattenSamples, isList } from './copies.ts';
import type { Dataset } from './dataset.ts';
import { buildDataset } from './from-arrays.ts';
import { buildSparse } from './from-sparse.ts';
import { readSparseSample } from './read-sparse.ts';
import { invalid } from './stream-samples.ts';

type Dense = Float32Array | Uint8Array | Int32Array;

interface Sparse {
  readonly indices: Uint32Array;
  readonly values: Float32Array | undefined;
}

export class StreamColumn {
  /** Empty in a stream of one input. */
  readonly name: string;
  readonly #shape: Shape;
  readonly #field: string;
  #dense: Dense = new Float32Array(0);
  #sparse: Sparse[] = [];
  #length = 0;

  constructor(name: string, shape: Shape) {
    this.name = name;
    this.#shape = shape;
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
    if (!isSparse || this.#shape.length !== 1) {
      throw invalid(
        item,
        `must have ${this.#field} as the values of a sample ${formatShape(this.#shape)}, ids as an Int32Array, or { indices, values } of a sparse one, got ${formatValue(given)}`,
      );
    }
    if (this.#length > this.#sparse.length) throw this.#mixed(item, 'sparse', typeOf(this.#dense).name);
    this.#sparse.push(readSparseSample(item, this.#field, given, this.#shape[0] as number));
  }

  #addDense(item: string, given: unknown): void {
    const size = sizeOf(this.#shape);
    const isReady = types.isFloat32Array(given) || types.isUint8Array(given) || types.isInt32Array(given);
    if (isReady && given.length !== size) {
      const whose = this.name === '' ? '' : ` of ${this.#field}`;
      throw invalid(
        item,
        `has ${given.length} values${whose}, and samples have shape ${formatShape(this.#shape)}`,
      );
    }
    const values = isReady ? given : flattenSamples(item, this.#field, [given], this.#shape);
    if (this.#sparse.length > 0) throw this.#mixed(item, typeOf(values).name, 'sparse');
    if (this.#length > 0 && typeOf(values) !== typeOf(this.#dense)) {
      throw this.#mixed(item, typeOf(values).name, typeOf(this.#dense).name);
    }
    this.#makeRoom(values);
    // A copy: the source may use its arrays again.
    this.#dense.set(values, this.#length * size);
  }

  /** The samples so far as a dataset without labels; none are left. */
  take(operation: string): Dataset {
    if (this.#sparse.length === 0) {
      return buildDataset(operation, {
        ...this.takeDense(),
        inputShape: this.#shape,
        labels: undefined,
        labelKind: undefined,
        labelShape: undefined,
        classNames: undefined,
        sampleWeights: undefined,
        scale: undefined,
        shift: undefined,
      });
    }
    const samples = this.#sparse;
    [this.#sparse, this.#length] = [[], 0];
    return buildSparse(operation, {
      features: this.#shape[0] as number,
      inputs: compress(samples),
      labels: undefined,
    });
  }

  takeDense(): { readonly inputs: Dense } {
    const inputs = this.#dense.subarray(0, this.#length * sizeOf(this.#shape));
    this.#length = 0;
    return { inputs };
  }

  #makeRoom(sample: Dense): void {
    const needed = (this.#length + 1) * sample.length;
    const Type = typeOf(sample);
    if (this.#dense.length >= needed && typeOf(this.#dense) === Type) return;
    const larger = new Type(2 * needed);
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
