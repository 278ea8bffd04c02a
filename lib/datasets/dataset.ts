import { GradloomError } from '../core/errors.ts';
import { formatValue, integer, readValue } from '../core/options.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import { factorsAt, lastExtent, type Preprocessing } from './preprocessing.ts';
import { type SplitOptions, splitRows } from './split.ts';
import type { Table } from './table.ts';

/** `'class'`: an integer from 0; `'values'`: an array of targets; `'none'`: inputs alone. */
export type LabelKind = 'class' | 'values' | 'none';

/** What one label is: the class's number, the target's values, or nothing. */
export type LabelOf<Label extends LabelKind> = {
  class: number;
  values: Float32Array;
  none: undefined;
}[Label];

export interface Sample<Label extends LabelKind = LabelKind> {
  /** As a model sees it, preprocessed. */
  readonly input: Float32Array;
  readonly label: LabelOf<Label>;
}

export type Inputs = Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
export type Labels = Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/**
 * What a dataset stands on. Views of one dataset share its arrays, which are never written to: `rows` names the
 * samples of a view by their place in them.
 */
export interface DatasetParts<Input extends Shape = Shape, Label extends LabelKind = LabelKind> {
  readonly inputShape: Input;
  readonly labelKind: Label;
  readonly labelShape: Shape;
  readonly inputs: Inputs;
  readonly labels: Labels | undefined;
  readonly classCount: number;
  readonly classNames: readonly string[] | undefined;
  readonly preprocessing: Preprocessing;
  readonly rows: Uint32Array<ArrayBuffer> | undefined;
  readonly table: Table | undefined;
}

/** What stands behind a dataset, for the modules beside this one. */
export let partsOf: <Input extends Shape, Label extends LabelKind>(
  dataset: Dataset<Input, Label>,
) => DatasetParts<Input, Label>;

/**
 * Samples of one shape with their labels, in memory and never changed. Made by `fromArrays`, `idx` and the named sets
 * such as `digits`; `take`, `select` and `split` give views that share the memory.
 *
 * `Input` is the shape of one sample, channels last and without the batch. uint8 inputs stay uint8 until a batch is
 * gathered.
 */
export class Dataset<Input extends Shape = Shape, Label extends LabelKind = LabelKind> {
  readonly inputShape: Input;
  readonly labelKind: Label;
  /** `[]` for classes, the shape of one target for values. */
  readonly labelShape: Shape;
  /** Number of samples, at least 1. */
  readonly length: number;
  readonly classNames: readonly string[] | undefined;
  /** Of `classNames` where they were given, else the highest label and one; 0 when labels are not classes. */
  readonly classCount: number;
  /** How stored values become what a model sees; `standardize` composes with it. */
  readonly preprocessing: Preprocessing;
  /** The columns, types, categories and fills of the table that it was read from, if it was. */
  readonly table: Table | undefined;
  readonly #parts: DatasetParts<Input, Label>;

  static {
    partsOf = (dataset) => dataset.#parts;
  }

  /** @internal Use `fromArrays`. */
  constructor(parts: DatasetParts<Input, Label>) {
    this.inputShape = parts.inputShape;
    this.labelKind = parts.labelKind;
    this.labelShape = parts.labelShape;
    this.length = parts.rows?.length ?? parts.inputs.length / sizeOf(parts.inputShape);
    this.classNames = parts.classNames;
    this.classCount = parts.classCount;
    this.preprocessing = parts.preprocessing;
    this.table = parts.table;
    this.#parts = parts;
    Object.freeze(this);
  }

  /** The first `count` samples. Throws `INVALID_OPTION` when there are fewer, or none are asked for. */
  take(count: number): Dataset<Input, Label> {
    readValue('take', 'count', count, integer(1, this.length));
    return this.#view(this.#rows().slice(0, count));
  }

  /**
   * The samples at the given places (0 to `length - 1`), in that order; a place may be named more than once.
   *
   * Throws `INVALID_OPTION` for a place that does not exist, and for none.
   */
  select(places: readonly number[] | Uint32Array | Int32Array): Dataset<Input, Label> {
    if (!Array.isArray(places) && !(places instanceof Uint32Array) && !(places instanceof Int32Array)) {
      throw selectError(`places must be an array, Uint32Array or Int32Array, got ${formatValue(places)}`);
    }
    if (places.length === 0) throw selectError('got no place; a dataset holds at least one sample');
    const all = this.#rows();
    const rows = new Uint32Array(places.length);
    for (let i = 0; i < rows.length; i++) {
      const row = Number.isInteger(places[i]) ? all[places[i] as number] : undefined;
      if (row === undefined) {
        throw selectError(
          `places[${i}] must be an integer from 0 to ${this.length - 1}, got ${formatValue(places[i])}`,
        );
      }
      rows[i] = row;
    }
    return this.#view(rows);
  }

  /**
   * Two parts that share no sample, each in random order that depends on the seed alone.
   *
   * Throws `INVALID_OPTION` when a part would be empty or both need more samples than there are, and `INVALID_DATA`
   * when `stratify` meets a class with a single sample.
   */
  split(options: SplitOptions<Label>): [Dataset<Input, Label>, Dataset<Input, Label>] {
    const labels = this.labelKind === 'class' ? this.#parts.labels : undefined;
    const [first, second] = splitRows(this.#rows(), labels, options);
    return [this.#view(first), this.#view(second)];
  }

  /** The sample at `place`. Throws `INVALID_OPTION` when it does not exist. */
  at(place: number): Sample<Label> {
    const row = this.#rowAt('at', place);
    const { inputs } = this.#parts;
    const size = sizeOf(this.inputShape);
    const channels = lastExtent(this.inputShape);
    const input = new Float32Array(size);
    for (let j = 0; j < size; j++) {
      const { scale, shift } = factorsAt(this.preprocessing, j % channels);
      input[j] = (inputs[row * size + j] as number) * scale + shift;
    }
    return { input, label: this.#labelOf(row) };
  }

  /** The label of the sample at `place`. Throws `INVALID_OPTION` when it does not exist. */
  labelAt(place: number): LabelOf<Label> {
    return this.#labelOf(this.#rowAt('labelAt', place));
  }

  /**
   * The number of samples of each of the `classCount` classes, 0 for a class that only other views of the same data
   * hold.
   *
   * Throws `INVALID_DATA` when the labels are not classes.
   */
  classCounts(): number[] {
    const { labels, classCount } = this.#parts;
    if (this.labelKind !== 'class' || labels === undefined) {
      throw new GradloomError(
        'INVALID_DATA',
        `classCounts: needs class labels, but labelKind is "${this.labelKind}"`,
      );
    }
    const counts = new Array<number>(classCount).fill(0);
    for (const row of this.#rows()) {
      const label = labels[row] as number;
      counts[label] = (counts[label] as number) + 1;
    }
    return counts;
  }

  #rowAt(operation: string, place: number): number {
    readValue(operation, 'place', place, integer(0, this.length - 1));
    return this.#parts.rows?.[place] ?? place;
  }

  #labelOf(row: number): LabelOf<Label> {
    const { labels } = this.#parts;
    const size = sizeOf(this.labelShape);
    const label = this.labelKind === 'class' ? labels?.[row] : labels?.slice(row * size, (row + 1) * size);
    return label as LabelOf<Label>;
  }

  #rows(): Uint32Array<ArrayBuffer> {
    return this.#parts.rows ?? new Uint32Array(this.length).map((_, row) => row);
  }

  #view(rows: Uint32Array<ArrayBuffer>): Dataset<Input, Label> {
    return new Dataset({ ...this.#parts, rows });
  }
}

function selectError(text: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `select: ${text}`);
}
