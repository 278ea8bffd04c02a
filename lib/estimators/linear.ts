/** Linear models, trained in one call: a few lines over the public interface. */
import { GradloomError } from '../core/errors.ts';
import {
  anything,
  extent,
  formatValue,
  instanceOf,
  integer,
  optional,
  positive,
  readOptions,
  readValue,
  seed,
  threads,
  withDefault,
} from '../core/options.ts';
import type { InputShape, Shape } from '../core/shape.ts';
import { type AnyDataset, Dataset, type LabelKind, partsOf } from '../datasets/dataset.ts';
import { isSparse } from '../datasets/parts/stored-inputs.ts';
import { dense, flatten, sparseDense } from '../layers/index.ts';
import { dtype, type TableOptions } from '../layers/table.ts';
import { type Model, sequential } from '../models/index.ts';
import { adagrad } from '../optimizers/index.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { Trainer } from '../trainers/index.ts';
import { fitInUnit, WATCH_OPTIONS, type WatchOptions } from './fitting.ts';
import { rareFeatureAdagrad } from './rare-features.ts';

export interface FittingOptions extends WatchOptions {
  /** Passes over the data. Default: 10. */
  readonly epochs?: number;
  /** Of AdaGrad. Default: 0.1. */
  readonly learningRate?: number;
  /** Samples a step. Default: 32. */
  readonly batchSize?: number;
  /** Of the order of samples. Default: 0. */
  readonly seed?: number;
  /** 0: all that affinity and quota allow. Default: 0. */
  readonly threads?: number;
  /**
   * How tables are kept in memory: `'bfloat16'` takes half the bytes, and their part of a model's file too. Where there are
   * none, on dense samples, it is an error. Default: `'float32'`.
   */
  readonly dtype?: TableOptions['dtype'];
}

export interface LinearOptions extends FittingOptions {
  /**
   * Of AdaGrad. Default: 0.1; for classes of sparse samples 0.4, over the root mean square of their values where that is above 1.
   */
  readonly learningRate?: number;
  /**
   * In place of AdaGrad, with a learning rate of its own: `ftrl({ l1: 1 })` and `proximalAdagrad({ l1: 1e-4 })` leave few weights that
   * are not exactly 0. Default: `adagrad({ learningRate })`; for classes of sparse samples `rowwiseAdagrad`, whose accumulators start
   * at 0.3 of the mean square of the values over that of the batch size.
   */
  readonly optimizer?: Optimizer;
}

/** Of `FittingOptions`. */
export const FITTING_OPTIONS = {
  epochs: withDefault(integer(1, 2 ** 31 - 1), 10),
  learningRate: withDefault(positive, 0.1),
  batchSize: withDefault(extent, 32),
  seed: withDefault(seed, 0),
  threads: withDefault(threads, 0),
  dtype,
  ...WATCH_OPTIONS,
};

const OPTIONS = {
  ...FITTING_OPTIONS,
  learningRate: optional(positive),
  optimizer: optional(anything('an optimizer such as ftrl({ l1: 1 })')),
};

/** A trained model. */
export interface Fitted<Input extends InputShape> {
  readonly model: Model<Input, Shape>;
  /**
   * Of each pass the mean loss. Each sample is judged before the model learns from it, so that of a first pass is what the model
   * does on samples that it has not seen.
   */
  readonly losses: readonly number[];
}

/**
 * Logistic regression of any number of classes, by AdaGrad unless `optimizer` says otherwise: on sparse samples (`fromSparse`, `fromTexts`) at the cost of the
 * features that are there. Weights start at 0. Throws `INVALID_DATA` where all samples are of one class, and no `classNames` have another.
 *
 * @example
 * const { model } = await linearClassifier(train, { epochs: 5 });
 * const { labels } = await model.classify(test);
 */
export async function linearClassifier<Input extends Shape>(
  dataset: Dataset<Input, 'class'>,
  options: LinearOptions = {},
): Promise<Fitted<Input>> {
  return await trainLinear('linearClassifier', dataset, 'softmaxCrossEntropy', options);
}

/**
 * Least squares by AdaGrad or `optimizer`, on dense or sparse samples. Weights start at 0. While it trains, targets have mean 0 and deviation 1,
 * whatever their unit, and so a penalty of the optimizer means the same for all; the model is in their unit. Bring dense samples to one
 * scale by `standardize` first.
 *
 * @example
 * const { model } = await linearRegressor(train);
 */
export async function linearRegressor<Input extends Shape>(
  dataset: Dataset<Input, 'values'>,
  options: LinearOptions = {},
): Promise<Fitted<Input>> {
  return await trainLinear('linearRegressor', dataset, 'meanSquaredError', options);
}

/** Before a model is built for labels that no loss of it could take, or that say nothing. */
export function checkLabels(operation: string, given: unknown, kinds: readonly LabelKind[]): void {
  const rule = instanceOf('a Dataset', Dataset<InputShape, LabelKind>);
  const dataset = readValue(operation, 'dataset', given, rule);
  const { labelKind } = dataset;
  if (kinds.includes(labelKind)) {
    if (labelKind === 'class') checkClasses(operation, dataset);
    return;
  }
  const fault = {
    none: 'the dataset has no labels; give it `labels`',
    class: 'the labels are classes; use linearClassifier, or give values as a Float32Array',
    values: 'the labels are values; use linearRegressor, or give classes as integers from 0 or as names',
  }[labelKind as 'none' | 'class' | 'values'];
  throw new GradloomError('INVALID_DATA', `${operation}: ${fault ?? `labels cannot be ${labelKind}`}`);
}

/** Samples of one class say nothing, unless names say that samples of others are to come, in another training. */
function checkClasses(operation: string, dataset: AnyDataset): void {
  const { classNames, classCount } = dataset;
  if (classNames !== undefined && classCount > 1) return;
  const counts = dataset.classCounts();
  const only = counts.findIndex((count) => count > 0);
  if (counts.some((count, place) => count > 0 && place !== only)) return;
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: all samples are of the class ${formatValue(classNames?.[0] ?? only)}; a classifier needs samples of at least two, ` +
      'or classNames with those that are to come',
  );
}

/** A score for each class, or each value of a target. */
export function unitsFor(dataset: Dataset<InputShape, 'class' | 'values'>): number {
  return dataset.labelKind === 'class'
    ? Math.max(2, dataset.classCount)
    : dataset.labelShape.reduce((product, size) => product * size, 1);
}

async function trainLinear<Input extends Shape>(
  operation: string,
  dataset: Dataset<Input, 'class'> | Dataset<Input, 'values'>,
  loss: 'softmaxCrossEntropy' | 'meanSquaredError',
  options: LinearOptions,
): Promise<Fitted<Input>> {
  const given = readOptions(operation, options, OPTIONS);
  checkLabels(operation, dataset, loss === 'softmaxCrossEntropy' ? ['class'] : ['values']);
  const { epochs, learningRate, batchSize, seed, threads, dtype, signal, onEpoch } = given;
  if (given.optimizer !== undefined && learningRate !== undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: learningRate is that of AdaGrad; give it to the optimizer, or leave one of the two out`,
    );
  }
  const settings = { units: unitsFor(dataset), weightInitializer: 'zeros' } as const;
  const sparse = isSparse(partsOf(dataset, operation).inputs);
  if (!sparse && dtype !== 'float32') {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: dtype "${dtype}" is for tables, which models of sparse samples have; these are dense: leave it out`,
    );
  }
  const layers = sparse ? [sparseDense({ ...settings, dtype })] : [flatten(), dense(settings)];
  const model = sequential({ inputShape: dataset.inputShape, seed }, layers);
  const trainer = new Trainer(model as Model<Input, Shape>, {
    optimizer:
      given.optimizer !== undefined
        ? (given.optimizer as Optimizer)
        : sparse && dataset.labelKind === 'class'
          ? rareFeatureAdagrad(dataset, { learningRate, batchSize })
          : adagrad({ learningRate: learningRate ?? 0.1 }),
    loss,
    seed,
    threads,
  });
  const losses = await fitInUnit(trainer, dataset, { epochs, batchSize, signal, onEpoch });
  return Object.freeze({ model: model as Model<Input, Shape>, losses });
}
