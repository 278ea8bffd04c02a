import { GradloomError } from '../core/errors.ts';
import { formatValue, guardedBy, integer, readValue, seed as seedRule } from '../core/options.ts';
import { RandomStream } from '../core/philox.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import { concatParts } from './concat.ts';
import { type FoldOptions, foldRows } from './fold.ts';
import { factorsAt, lastExtent, type Preprocessing } from './preprocessing.ts';
import { type SplitOptions, shuffleRows, splitRows } from './split.ts';
import { makeTable, type Table } from './table.ts';

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
  /** Indexed by row, as the labels are. */
  readonly sampleWeights?: Float32Array<ArrayBuffer> | undefined;
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

  /**
   * `k` pairs for cross-validation: the samples of each of `k` parts are once the second of a pair, with all others as
   * the first. The parts' sizes differ by a sample at most; the order depends on the seed alone.
   *
   * Throws `INVALID_OPTION` when there are fewer than `k` samples.
   */
  kFold(options: FoldOptions<Label>): [train: Dataset<Input, Label>, validation: Dataset<Input, Label>][] {
    const labels = this.labelKind === 'class' ? this.#parts.labels : undefined;
    return foldRows(this.#rows(), labels, options).map(([train, validation]) => [
      this.#view(train),
      this.#view(validation),
    ]);
  }

  /** All samples in random order, which depends on the seed alone. */
  shuffle(seed = 0): Dataset<Input, Label> {
    readValue('shuffle', 'seed', seed, seedRule);
    return this.#view(shuffleRows(this.#rows(), new RandomStream(seed, 'shuffle')));
  }

  /**
   * The samples for which `keep` returns true, in order. Throws `INVALID_OPTION` when `keep` is no function or returns
   * anything but true or false, and `INVALID_DATA` when it keeps none.
   */
  filter(keep: (sample: Sample<Label>, place: number) => boolean): Dataset<Input, Label> {
    readValue('filter', 'keep', keep, callable);
    const rows = this.#rows().filter((_, place) => {
      const kept: unknown = keep(this.at(place), place);
      if (typeof kept === 'boolean') return kept;
      throw new GradloomError(
        'INVALID_OPTION',
        `filter: keep must return true or false, got ${formatValue(kept)} for sample ${place}`,
      );
    });
    if (rows.length > 0) return this.#view(rows);
    throw new GradloomError(
      'INVALID_DATA',
      `filter: keeps none of ${this.length} samples; a dataset holds at least one`,
    );
  }

  /**
   * These samples and those of the others behind them, copied. All must have the same shapes, kind of labels, class
   * names, preprocessing and table.
   *
   * Throws `SHAPE_MISMATCH` or `INVALID_DATA` when they have not.
   */
  concat(...others: readonly Dataset<Input, Label>[]): Dataset<Input, Label> {
    for (const [place, other] of others.entries()) {
      if (other instanceof Dataset) continue;
      throw new GradloomError(
        'INVALID_OPTION',
        `concat: argument ${place} must be a Dataset, got ${formatValue(other)}`,
      );
    }
    const parts = concatParts([this.#parts, ...others.map(partsOf)]);
    return new Dataset(parts as DatasetParts<Input, Label>);
  }

  /**
   * The same samples with target values `[classCount]` in place of classes: 1 at the class, 0 elsewhere.
   *
   * Throws `INVALID_DATA` when the labels are not classes.
   */
  oneHot(): Dataset<Input, 'values'> {
    const { labels, classCount, table } = this.#parts;
    if (this.labelKind !== 'class' || labels === undefined) {
      throw new GradloomError(
        'INVALID_DATA',
        `oneHot: needs class labels, but labelKind is "${this.labelKind}"`,
      );
    }
    const values = new Float32Array(labels.length * classCount);
    for (const [row, label] of labels.entries()) values[row * classCount + label] = 1;
    return new Dataset({
      ...this.#parts,
      labelKind: 'values',
      labelShape: Object.freeze([classCount]),
      labels: values,
      classCount: 0,
      classNames: undefined,
      // Its targets are classes, which these labels are no more.
      table: table && makeTable(table.inputs, [], table),
    });
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

const callable = guardedBy('a function', (given): given is () => unknown => typeof given === 'function');

function selectError(text: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `select: ${text}`);
}
