import { GradloomError } from '../core/errors.ts';
import {
  formatValue,
  guardedBy,
  integer,
  listOf,
  readValue,
  seed as seedRule,
  suggest,
} from '../core/options.ts';
import { RandomStream } from '../core/philox.ts';
import type { InputShape, NamedShapes, OneShape, Shape } from '../core/shape.ts';
import type { Vectorizer } from '../text/vectorizer.ts';
import { countClasses, oneHotParts } from './operations/classes.ts';
import { concatParts } from './operations/concat.ts';
import { describeParts } from './operations/describe.ts';
import type { DatasetDescription } from './operations/description.ts';
import { type FoldOptions, foldRows } from './operations/fold.ts';
import { type MapOptions, mapSamples, type Tuple } from './operations/map.ts';
import { mapInWorkers, type WorkerMapOptions } from './operations/map-in-workers.ts';
import { type NormalizeOptions, normalizeParts } from './operations/normalize.ts';
import { type SplitOptions, shuffleRows, splitRows } from './operations/split.ts';
import type {
  AnyParts,
  DatasetParts,
  InputParts,
  LabelKind,
  LabelOf,
  Sample,
} from './parts/dataset-parts.ts';
import { IDENTITY, type Preprocessing } from './parts/preprocessing.ts';
import { checkNotDetached, countOf, labelAt, rowsOf, sampleAt } from './parts/samples.ts';
import type { Table } from './parts/table.ts';
import type { NestedNumbers } from './values/copies.ts';

export type { DatasetParts, LabelKind, LabelOf, Labels, Sample } from './parts/dataset-parts.ts';
export type { Inputs } from './parts/stored-inputs.ts';

/** What stands behind a dataset, for the modules beside this one. */
export let anyPartsOf: <Label extends LabelKind>(dataset: Dataset<InputShape, Label>) => AnyParts<Label>;

/** The same for operations on data sets of one input. Throws `INVALID_DATA` for one of several. */
export function partsOf<Input extends Shape, Label extends LabelKind>(
  dataset: Dataset<Input, Label>,
  operation = 'this',
): DatasetParts<Input, Label> {
  return oneInput(operation, anyPartsOf(dataset)) as DatasetParts<Input, Label>;
}

function oneInput<Label extends LabelKind>(
  operation: string,
  parts: AnyParts<Label>,
): DatasetParts<Shape, Label> {
  if (parts.columns === undefined) return parts;
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: takes data sets of one input; this one has ${listOf(Object.keys(parts.columns))}, to be prepared one by one before fromInputs, or looked at by input(name)`,
  );
}

const transformOrModule = guardedBy(
  'a function, or the URL of a module whose default export is one',
  (given): given is URL | ((sample: unknown, place: number) => unknown) =>
    typeof given === 'function' || given instanceof URL,
);

/** Of samples of one input, or of several. */
export type AnyDataset = Dataset<InputShape>;

/** The names of a sample's inputs, where it has several. */
export type InputName<Input extends InputShape> = Input extends NamedShapes ? keyof Input & string : never;

/** The shape of one of them. */
export type ShapeOf<Input extends InputShape, Name> = Input extends NamedShapes
  ? Name extends keyof Input
    ? Input[Name]
    : never
  : never;

/**
 * Samples of one shape with their labels, in memory or in files that are mapped, and never changed. Made by `fromArrays`, `idx` and the named sets
 * such as `digits`; `take`, `select` and `split` give views that share the memory. Samples of several named inputs are
 * put together by `fromInputs`.
 *
 * `Input` is the shape of one sample, channels last and without the batch, or the shapes of its inputs by name. uint8
 * inputs stay uint8 until a batch is gathered, ids stay int32, and of sparse samples only what is there is kept.
 */
export class Dataset<Input extends InputShape = Shape, Label extends LabelKind = LabelKind> {
  readonly inputShape: Input;
  readonly labelKind: Label;
  /** `[]` for classes, the shape of one target for values; of several targets `[all their values]`. */
  readonly labelShape: Shape;
  /** Number of samples, at least 1. */
  readonly length: number;
  readonly classNames: readonly string[] | undefined;
  /** Of `classNames` where they were given, else the highest label and one; 0 when labels are not classes. */
  readonly classCount: number;
  /** How stored values become what a model sees; `standardize` composes with it. Of several inputs each has its own. */
  readonly preprocessing: Preprocessing;
  /** The columns, types, categories and fills of the table that it was read from, if it was. */
  readonly table: Table | undefined;
  /** What made the samples, where they are texts. */
  readonly vectorizer: Vectorizer | undefined;
  /** What features were counted from, where they were read by `libsvm`. */
  readonly firstFeature: 0 | 1 | undefined;
  readonly #allParts: AnyParts<Label>;

  static {
    anyPartsOf = (dataset) => dataset.#parts;
  }

  /** @internal Use `fromArrays`. */
  constructor(parts: DatasetParts<Input & Shape, Label> | AnyParts<Label>) {
    const { columns } = parts;
    this.inputShape = (columns === undefined ? parts.inputShape : shapesOf(columns)) as Input;
    this.labelKind = parts.labelKind;
    this.labelShape = parts.labelShape;
    this.length = countOf(parts);
    this.classNames = parts.classNames;
    this.classCount = parts.classCount;
    this.preprocessing = columns === undefined ? parts.preprocessing : IDENTITY;
    this.table = columns === undefined ? parts.table : undefined;
    this.vectorizer = columns === undefined ? parts.vectorizer : undefined;
    this.firstFeature = columns === undefined ? parts.firstFeature : undefined;
    this.#allParts = parts;
    Object.freeze(this);
  }

  get #parts(): AnyParts<Label> {
    checkNotDetached(this.#allParts);
    return this.#allParts;
  }

  /** One of several inputs as a dataset of its own, without labels. Throws `INVALID_OPTION` for one that is not there. */
  input<Name extends InputName<Input>>(name: Name): Dataset<ShapeOf<Input, Name> & Shape, 'none'> {
    const { columns = {}, rows } = this.#parts;
    const isName = typeof name === 'string' && Object.hasOwn(columns, name);
    const column = isName ? columns[name] : undefined;
    if (column !== undefined) return new Dataset({ ...column, ...NO_LABELS, rows });
    const names = Object.keys(columns);
    throw new GradloomError(
      'INVALID_OPTION',
      names.length === 0
        ? 'input: the dataset has one input, without a name'
        : `input: the dataset has no input ${formatValue(name)}; ${suggest(typeof name === 'string' ? name : '', names)}`,
    );
  }

  /** The first `count` samples. Throws `INVALID_OPTION` when there are fewer, or none are asked for. */
  take(count: number): Dataset<Input, Label> {
    readValue('take', 'count', count, integer(1, this.length));
    return this.#view(rowsOf(this.#parts).slice(0, count));
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
    const all = rowsOf(this.#parts);
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
    const [first, second] = splitRows(rowsOf(this.#parts), labels, options);
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
    return foldRows(rowsOf(this.#parts), labels, options).map(([train, validation]) => [
      this.#view(train),
      this.#view(validation),
    ]);
  }

  /** All samples in random order, which depends on the seed alone. */
  shuffle(seed = 0): Dataset<Input, Label> {
    readValue('shuffle', 'seed', seed, seedRule);
    return this.#view(shuffleRows(rowsOf(this.#parts), new RandomStream(seed, 'shuffle')));
  }

  /**
   * The samples for which `keep` returns true, in order. Throws `INVALID_OPTION` when `keep` is no function or returns
   * anything but true or false, and `INVALID_DATA` when it keeps none.
   */
  filter(keep: (sample: Sample<Label, Input>, place: number) => boolean): Dataset<Input, Label> {
    readValue('filter', 'keep', keep, callable);
    const rows = rowsOf(this.#parts).filter((_, place) => {
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
   * These samples and those of the others behind them, copied into memory, those of mapped files, too. All must have the same shapes, kind of labels, class
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
    return new Dataset(concatParts([this.#parts, ...others.map((other) => anyPartsOf(other))]));
  }

  /**
   * The same samples with target values `[classCount]` in place of classes: 1 at the class, 0 elsewhere.
   *
   * Throws `INVALID_DATA` when the labels are not classes.
   */
  oneHot(): Dataset<Input, 'values'> {
    return new Dataset<Input, 'values'>(oneHotParts(this.#parts));
  }

  /** The sample at `place`; a sparse one with all its zeros. Throws `INVALID_OPTION` when it does not exist. */
  at(place: number): Sample<Label, Input> {
    this.#checkPlace('at', place);
    return sampleAt<Label, Input>(this.#allParts, place);
  }

  /** The label of the sample at `place`. Throws `INVALID_OPTION` when it does not exist. */
  labelAt(place: number): LabelOf<Label> {
    this.#checkPlace('labelAt', place);
    return labelAt(this.#allParts, place);
  }

  /**
   * The number of samples of each of the `classCount` classes, 0 for a class that only other views of the same data
   * hold.
   *
   * Throws `INVALID_DATA` when the labels are not classes.
   */
  classCounts(): number[] {
    return countClasses('classCounts', this.#parts, rowsOf(this.#parts));
  }

  /**
   * A table of what is in the dataset: of each column, or each index of the last axis, the number of values that are there
   * and that are missing, mean, standard deviation (of the population, as `standardize` has it), least and highest
   * value as a model sees them, or the categories with their counts; of classes their counts. `console.log` prints
   * it as text.
   */
  describe(): DatasetDescription {
    return describeParts(oneInput('describe', this.#parts));
  }

  /**
   * Scales samples by fixed rules, fitted on nothing (`standardize` is): put behind the preprocessing, part of it, and so
   * saved with a model.
   *
   * - Without options: bytes to [0, 1], `x / 255`, as PyTorch's `ToTensor` and Keras' `Rescaling(1 / 255)`.
   * - `{ mean, std }`: `(x - mean) / std`, one for all or one for each index of the last axis, as torchvision's
   *   `Normalize` behind `ToTensor`.
   * - `{ norm }`: each sample divided by its own norm over all its values, as scikit-learn's `Normalizer`; a sample of zeros
   *   stays. Computed now, in a copy as float32.
   *
   * @example
   * const images = bytes.normalize().normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });
   *
   * Throws `INVALID_DATA` without options when the samples are no bytes or are scaled already.
   */
  normalize(options: NormalizeOptions = {}): Dataset<Input, Label> {
    return new Dataset<Input, Label>(normalizeParts(oneInput('normalize', this.#parts), options));
  }

  /**
   * What `transform` makes of each sample's input as a model would see it: as many numbers as `inputShape` says, flat or
   * nested; by default the shape stays. Labels stay, too. All is computed now and held as float32, 4 bytes a value.
   *
   * A function cannot be saved: raw samples for a model that was trained on the result have to go through it first, and
   * rows of a table (`dataset.table`) cannot be read by it any more.
   *
   * @example
   * const logs = counts.map(({ input }) => input.map(Math.log1p));
   *
   * Throws `INVALID_DATA` with the sample's place when `transform` throws or gives a number that is not finite as
   * float32, and `SHAPE_MISMATCH` when it gives another number of values.
   */
  map<const Output extends Shape = OneShape<Input>>(
    transform: (sample: Sample<Label, Input>, place: number) => NestedNumbers,
    options?: MapOptions<Output>,
  ): Dataset<Tuple<Output>, Label>;
  /**
   * The same in Workers, for transforms that take long: the event loop stays free. Workers share no functions, so
   * `module` is the URL of a file whose default export is the transform, which may be async. It is loaded once in each
   * of them.
   *
   * @example
   * const spectra = await sounds.map(new URL('./spectrum.js', import.meta.url), { inputShape: [64, 32, 1] });
   *
   * Rejects as the other form throws, and with `INVALID_OPTION` for a module that cannot be loaded, has no such
   * function, or ends its Worker.
   */
  map<const Output extends Shape = OneShape<Input>>(
    module: URL,
    options?: WorkerMapOptions<Output>,
  ): Promise<Dataset<Tuple<Output>, Label>>;
  map(
    given: URL | ((sample: Sample<Label, Input>, place: number) => NestedNumbers),
    options: WorkerMapOptions = {},
  ): Dataset<Shape, Label> | Promise<Dataset<Shape, Label>> {
    const transform = readValue('map', 'transform', given, transformOrModule);
    const parts = oneInput('map', this.#parts);
    if (transform instanceof URL) {
      return mapInWorkers(parts, transform, options).then((mapped) => new Dataset<Shape, Label>(mapped));
    }
    const call = transform as Parameters<typeof mapSamples<Label>>[1];
    return new Dataset<Shape, Label>(mapSamples(parts, call, options));
  }

  #checkPlace(operation: string, place: number): void {
    readValue(operation, 'place', place, integer(0, this.length - 1));
  }

  #view(rows: Uint32Array<ArrayBuffer>): Dataset<Input, Label> {
    return new Dataset({ ...this.#parts, rows });
  }
}

/** Of an input of a larger set. */
const NO_LABELS = {
  labelKind: 'none',
  labelShape: Object.freeze([]),
  labels: undefined,
  classCount: 0,
  classNames: undefined,
} as const;

function shapesOf(columns: Readonly<Record<string, InputParts>>): NamedShapes {
  return Object.freeze(
    Object.fromEntries(Object.entries(columns).map(([name, { inputShape }]) => [name, inputShape])),
  );
}

const callable = guardedBy('a function', (given): given is () => unknown => typeof given === 'function');

function selectError(text: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `select: ${text}`);
}
