/** A linear model and a network over one set of inputs, trained in one call: a few lines over the public interface. */
import { GradloomError } from '../core/errors.ts';
import {
  anything,
  extent,
  formatValue,
  guardedBy,
  optional,
  readOptions,
  required,
  suggest,
  withDefault,
} from '../core/options.ts';
import { isNamed, type NamedShapes, type Shape } from '../core/shape.ts';
import { anyPartsOf, type Dataset } from '../datasets/dataset.ts';
import type { InputParts } from '../datasets/parts/dataset-parts.ts';
import { isList } from '../datasets/values/copies.ts';
import type { Model } from '../models/index.ts';
import { adagrad } from '../optimizers/index.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { Trainer } from '../trainers/index.ts';
import { fitInUnit } from './fitting.ts';
import { checkLabels, FITTING_OPTIONS, type Fitted, type FittingOptions, unitsFor } from './linear.ts';
import { type Columns, WIDE_LAYERS, wideAndDeepModel } from './wide-and-deep-model.ts';

export interface WideAndDeepOptions extends FittingOptions {
  /** Names of inputs that a linear model reads: sparse features, such as crosses of columns, ids, values. */
  readonly wide: readonly string[];
  /** Units of the hidden layers of the network that reads all other inputs. Default: [64, 32]. */
  readonly hidden?: readonly number[];
  /** Numbers of the vector of each id, and of each sparse feature. Default: 8. */
  readonly units?: number;
  /** Rows of the tables of inputs of ids, by name. Default: one more than the highest id of the data. */
  readonly rows?: Readonly<Record<string, number>>;
  /** Of the linear part, which keeps its own learning rate: `ftrl({ l1: 1 })` as in the paper. Default: as the network. */
  readonly wideOptimizer?: Optimizer;
}

const extents = guardedBy(
  'a list of integers of at least 1',
  (given): given is readonly number[] =>
    Array.isArray(given) && [...given].every((units) => extent.read(units) !== undefined),
);
const OPTIONS = {
  ...FITTING_OPTIONS,
  wide: required(
    guardedBy(
      'a list of names of inputs',
      (given): given is readonly string[] =>
        Array.isArray(given) &&
        given.length > 0 &&
        Array.from(given).every((name) => typeof name === 'string'),
    ),
  ),
  hidden: withDefault(extents, [64, 32]),
  units: withDefault(extent, 8),
  rows: optional(
    guardedBy(
      'an object of integers of at least 1 by input',
      (given): given is Readonly<Record<string, number>> =>
        typeof given === 'object' &&
        given !== null &&
        !isList(given) &&
        Object.values(given).every((rows) => extent.read(rows) !== undefined),
    ),
  ),
  wideOptimizer: optional(anything('an optimizer such as ftrl()')),
};

/**
 * Wide and deep learning (Cheng et al. 2016): the sum of a linear model on some inputs, such as crosses, which remembers, and of a network on
 * the others, which generalizes. Of these ids become rows of tables, sparse features the sum of their vectors, and
 * values stay; all are read side by side. Classes are told apart by their scores, two by one score; values are fitted by
 * least squares, as by `linearRegressor` in any unit. By AdaGrad; the linear part by `wideOptimizer`, if there is one (the paper has FTRL).
 *
 * @example
 * const { model } = await wideAndDeep(fromInputs({ inputs: { crosses, user, age }, labels }), { wide: ['crosses'] });
 *
 * Throws `INVALID_OPTION` for inputs that are not there, or when none are left for the network, and `INVALID_DATA` where all samples are of
 * one class, and no `classNames` have another.
 */
export async function wideAndDeep<Input extends NamedShapes>(
  dataset: Dataset<Input, 'class'> | Dataset<Input, 'values'>,
  options: WideAndDeepOptions,
): Promise<Fitted<Input>> {
  const { wide, hidden, units, rows, wideOptimizer, ...fitting } = readOptions(
    'wideAndDeep',
    options,
    OPTIONS,
  );
  checkLabels('wideAndDeep', dataset, ['class', 'values']);
  const columns = columnsOf(dataset);
  checkNames(wide, rows ?? {}, columns);
  const isClass = dataset.labelKind === 'class';
  const isBinary = isClass && dataset.classCount <= 2;
  const { learningRate, epochs, batchSize, seed, threads, dtype, signal, onEpoch } = fitting;
  const model = wideAndDeepModel(columns, {
    wide,
    deep: Object.keys(columns).filter((name) => !wide.includes(name)),
    outputs: isBinary ? 1 : unitsFor(dataset),
    hidden,
    units,
    rows,
    seed,
    dtype,
  }) as unknown as Model<Input, Shape>;
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate }),
    optimizers: wideOptimizer === undefined ? {} : { [WIDE_LAYERS]: wideOptimizer as Optimizer },
    loss: isBinary ? 'sigmoidBinaryCrossEntropy' : isClass ? 'softmaxCrossEntropy' : 'meanSquaredError',
    seed,
    threads,
  });
  const losses = await fitInUnit(trainer, dataset, { epochs, batchSize, signal, onEpoch });
  return Object.freeze({ model, losses });
}

function columnsOf(dataset: Dataset<NamedShapes, 'class' | 'values'>): Columns {
  const { columns } = anyPartsOf(dataset);
  if (isNamed(dataset.inputShape) && columns !== undefined) return columns;
  throw new GradloomError(
    'INVALID_DATA',
    'wideAndDeep: takes data sets of several inputs, such as fromInputs makes; for one input there are linearClassifier and sequential',
  );
}

function checkNames(wide: readonly string[], rows: object, columns: Columns): void {
  const fail = (text: string) => new GradloomError('INVALID_OPTION', `wideAndDeep: ${text}`);
  const names = Object.keys(columns);
  for (const name of [...wide, ...Object.keys(rows)]) {
    if (!names.includes(name)) throw fail(`there is no input ${formatValue(name)}; ${suggest(name, names)}`);
  }
  const twice = wide.find((name, place) => wide.indexOf(name) < place);
  if (twice !== undefined) throw fail(`wide names input "${twice}" twice`);
  const sparse = Object.keys(rows).find(
    (name) => !((columns[name] as InputParts).inputs instanceof Int32Array),
  );
  if (sparse !== undefined)
    throw fail(`rows are of tables of ids, and input "${sparse}" holds none; leave it out`);
  if (names.every((name) => wide.includes(name))) {
    throw fail('all inputs are wide; leave one for the network, or use linearClassifier');
  }
}
