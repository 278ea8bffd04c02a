/** `gradloom train`. */
import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { GradloomError } from '../../core/errors.ts';
import { suggest } from '../../core/options.ts';
import { type AnyDataset, anyPartsOf, type Dataset, partsOf } from '../../datasets/dataset.ts';
import type { DatasetParts } from '../../datasets/parts/dataset-parts.ts';
import { isSparse } from '../../datasets/parts/stored-inputs.ts';
import { fromTable } from '../../datasets/transforms/from-table.ts';
import { standardize } from '../../datasets/transforms/standardize.ts';
import { fitTargetScale, scaleTargets, takeScaleBack } from '../../estimators/target-scale.ts';
import { checkWritable } from '../../formats/files.ts';
import type { Loss } from '../../losses/loss.ts';
import { makeLoss } from '../../losses/make-loss.ts';
import { info } from '../../native/info.ts';
import * as optimizers from '../../optimizers/index.ts';
import { makeOptimizer } from '../../optimizers/make-optimizer.ts';
import type { Optimizer } from '../../optimizers/optimizer.ts';
import { loadVega } from '../../plot/packages.ts';
import { writeReport } from '../../report/index.ts';
import { Trainer } from '../../trainers/trainer.ts';
import type { Task, TrainingData } from '../data/table-data.ts';
import { nounOf, readTrainingData } from '../data/training-data.ts';
import { EXIT } from '../exit-codes.ts';
import { type AnyTrainer, type Fitted, fitBest } from '../fit.ts';
import { measure, sayMeasures } from '../measure.ts';
import { countOf, formatSeconds, type Output } from '../output.ts';
import { makePreset, ownLayers, type PresetName } from '../presets.ts';

export interface TrainCommand {
  readonly target?: string;
  readonly task: Task | 'auto';
  readonly ignore?: readonly string[];
  readonly keep?: readonly string[];
  readonly categories?: readonly string[];
  readonly missing: 'auto' | 'error';
  readonly delimiter?: string;
  readonly header: boolean;
  readonly firstFeature?: 0 | 1;
  readonly size: readonly [number, number];
  readonly channels: '1' | '3';
  readonly validation: number;
  readonly model?: PresetName;
  readonly units?: readonly number[];
  readonly optimizer: string;
  /** A number; of a spec also a schedule. */
  readonly learningRate?: unknown;
  readonly set?: Readonly<Record<string, unknown>>;
  /** Of the linear part of wide-and-deep. Default: the same as for the rest. */
  readonly wideOptimizer?: string;
  readonly wideSet?: Readonly<Record<string, unknown>>;
  /** Of a spec, in place of a preset. */
  readonly layers?: readonly object[];
  /** Of a spec. Default: that of the task. */
  readonly loss?: unknown;
  readonly epochs?: number;
  readonly batchSize: number;
  readonly patience: number;
  readonly weights: 'best' | 'last';
  readonly seed: number;
  readonly threads: number;
  readonly out: string;
  readonly report?: string;
}

export async function train(path: string, command: TrainCommand, output: Output): Promise<number> {
  // All before the work, so that a mistake does not cost a run.
  const optimizerKind = checkOptimizer(command);
  const wideOptimizer = chooseWideOptimizer(command);
  checkFolder('--out', command.out);
  if (command.report !== undefined) {
    checkFolder('--report', command.report);
    await loadVega('train --report');
  }
  const data = await readTrainingData(path, {
    target: command.target,
    task: command.task,
    ignore: command.ignore ?? [],
    keep: command.keep ?? [],
    named: command.categories ?? [],
    missing: command.missing,
    delimiter: command.delimiter,
    header: command.header ? 'row' : 'none',
    size: command.size,
    channels: command.channels === '1' ? 1 : 3,
    firstFeature: command.firstFeature,
    categories: isWideAndDeep(command) ? 'index' : 'oneHot',
  });
  for (const [heading, ...lines] of data.notes) output.tell(heading, ...lines);
  const sets = split(data, command, output);
  const isRegression = data.task === 'regression';
  const { columns, ...parts } = anyPartsOf(sets.train);
  const options = {
    inputShape: sets.train.inputShape,
    isSparse: columns === undefined && isSparse((parts as DatasetParts).inputs),
    outputs: isRegression ? 1 : sets.train.classCount,
    units: command.units,
    columns,
  };
  const preset =
    command.layers === undefined
      ? makePreset(command.model, options)
      : ownLayers(command.layers, { ...options, task: data.task });
  const model = preset.makeModel(command.seed);
  const optimizer = chooseOptimizer(optimizerKind, command, preset.learningRate);
  const epochs = command.epochs ?? preset.epochs;
  output.tell('model', `${preset.text}; ${countOf(model.parameterCount, 'parameter')}`);
  output.tell(
    'training',
    describeTraining([optimizer, wideOptimizer], command, epochs),
    ...(isRegression ? [SCALED] : []),
    '',
  );

  const scale = isRegression ? fitTargetScale(sets.train) : undefined;
  const scaled = (set: AnyDataset) => (scale === undefined ? set : scaleTargets(set, scale));
  const trainer = new Trainer(model, {
    optimizer,
    optimizers:
      preset.wideLayers !== undefined && wideOptimizer ? { [preset.wideLayers]: wideOptimizer } : {},
    loss: chooseLoss(data.task, command.loss),
    metrics: isRegression ? ['rootMeanSquaredError'] : ['accuracy'],
    seed: command.seed,
    threads: command.threads,
  }) as unknown as AnyTrainer;
  const { batchSize, patience, weights: keep } = command;
  const fitted = await fitBest(
    trainer,
    { train: scaled(sets.train), validation: sets.validation && scaled(sets.validation) },
    { epochs, batchSize, patience, keep },
    output,
  );
  if (fitted === undefined) {
    output.say('stopped before the first epoch was done; nothing is saved');
    return EXIT.interrupted;
  }
  if (scale !== undefined) takeScaleBack(model, scale);
  sayEnd(fitted, output);

  const measures = await measure(model, sets.validation ?? sets.train, {
    train: sets.train,
    threads: command.threads,
  });
  const measured = sets.validation === undefined ? 'training' : 'validation';
  sayMeasures(measures, `${measured} ${nounOf(data.dataset)}s`, output);
  await model.save(command.out);
  output.tell('saved', command.out);
  if (command.report !== undefined) {
    await writeReport(fitted.run, command.report, {
      title: `gradloom train ${path}`,
      validation: sets.validation,
    });
    output.tell('report', command.report);
  }
  output.tell('next', `gradloom predict ${command.out} <new data>`);
  const { history, kept } = fitted;
  output.give({
    model: command.out,
    report: command.report,
    task: data.task,
    preset: preset.name,
    parameters: model.parameterCount,
    optimizer,
    wideOptimizer,
    seed: command.seed,
    threads: command.threads === 0 ? info().defaultThreads : command.threads,
    rows: { training: sets.train.length, validation: sets.validation?.length ?? 0 },
    epochs: history.epochs.length,
    keptEpoch: kept.epoch,
    endedBy: history.reason,
    seconds: history.epochs.reduce((sum, { seconds }) => sum + seconds, 0),
    ...measures,
  });
  return history.reason === 'stopped' ? EXIT.interrupted : EXIT.done;
}

const SCALED =
  'the target has mean 0 and deviation 1 while training; the saved model gives it in its own unit';

function checkFolder(option: string, path: string): void {
  const folder = dirname(path);
  const isFolder = (name: string) => existsSync(name) && statSync(name).isDirectory();
  if (isFolder(folder) && !isFolder(path)) {
    checkWritable(path);
    return;
  }
  throw new GradloomError(
    'INVALID_OPTION',
    isFolder(path)
      ? `train: ${option} ${path} is a folder; name a file in it`
      : `train: ${option} ${path}: there is no folder ${folder}; create it first`,
  );
}

function checkOptimizer(command: TrainCommand): string {
  const { optimizer: kind } = command;
  checkKind('--optimizer', kind);
  chooseOptimizer(kind, command, undefined);
  return kind;
}

function checkKind(option: string, kind: string): void {
  if (Object.hasOwn(optimizers, kind)) return;
  throw new GradloomError(
    'INVALID_OPTION',
    `train: ${option} cannot be "${kind}"; ${suggest(kind, Object.keys(optimizers))}`,
  );
}

function chooseWideOptimizer(command: TrainCommand): Optimizer | undefined {
  const { wideOptimizer: kind, wideSet = {} } = command;
  if (kind === undefined) {
    if (Object.keys(wideSet).length === 0) return undefined;
    throw new GradloomError('INVALID_OPTION', 'train: --wide-set is for --wide-optimizer; name one');
  }
  if (!isWideAndDeep(command)) {
    throw new GradloomError(
      'INVALID_OPTION',
      'train: --wide-optimizer is for the linear part of --model wide-and-deep; other models have one optimizer',
    );
  }
  checkKind('--wide-optimizer', kind);
  return makeOptimizer('train: --wide-optimizer', { kind, ...wideSet });
}

/** The rate of the preset is AdaGrad's; others keep their own default. */
function chooseOptimizer(
  kind: string,
  { learningRate, set = {} }: TrainCommand,
  presetRate: number | undefined,
): Optimizer {
  const rate = learningRate ?? (kind === 'adagrad' ? presetRate : undefined);
  return makeOptimizer('train', { kind, ...(rate === undefined ? {} : { learningRate: rate }), ...set });
}

function chooseLoss(task: Task, given: unknown): Loss {
  const [usual, outputs] =
    task === 'regression' ? ['meanSquaredError', 'values'] : ['softmaxCrossEntropy', 'classLogits'];
  const loss = makeLoss('train', given ?? usual);
  if (loss.outputs === outputs) return loss;
  throw new GradloomError(
    'INVALID_OPTION',
    `train: the loss ${loss.kind} is not one of ${task}; leave it out for ${usual}`,
  );
}

function describeTraining(
  [optimizer, wide]: readonly [Optimizer, Optimizer | undefined],
  command: TrainCommand,
  epochs: number,
): string {
  const { patience, batchSize, threads } = command;
  const ends =
    patience > 0 && command.validation > 0 ? `, fewer if ${countOf(patience, 'epoch')} bring nothing` : '';
  const linear = wide === undefined ? '' : `, ${describeOptimizer(wide)} for the linear part`;
  return (
    `${describeOptimizer(optimizer)}${linear}, batches of ${batchSize}, ${countOf(epochs, 'epoch')}${ends}, ` +
    `${countOf(threads === 0 ? info().defaultThreads : threads, 'thread')}, seed ${command.seed}`
  );
}

function describeOptimizer({ kind, learningRate }: Optimizer): string {
  return `${kind} at ${typeof learningRate === 'number' ? learningRate : learningRate.kind}`;
}

interface Sets {
  readonly train: AnyDataset;
  readonly validation: AnyDataset | undefined;
}

function split(data: TrainingData, command: TrainCommand, output: Output): Sets {
  const sets = splitRows(data, command, output);
  // Others than tables are refused by the preset.
  if (!isWideAndDeep(command) || data.dataset.table === undefined) return sets;
  return { train: fromTable(sets.train), validation: sets.validation && fromTable(sets.validation) };
}

function isWideAndDeep({ model, layers }: TrainCommand): boolean {
  return model === 'wide-and-deep' && layers === undefined;
}

interface OneInputSets {
  readonly train: Dataset;
  readonly validation: Dataset | undefined;
}

function splitRows(
  { dataset, task }: TrainingData,
  { validation, seed }: TrainCommand,
  output: Output,
): OneInputSets {
  if (validation === 0) {
    const [train] = scale(dataset);
    output.tell('split', `all ${countOf(dataset.length, nounOf(dataset))} for training, none to validate`);
    return { train, validation: undefined };
  }
  const held = Math.round(dataset.length * validation);
  if (held === 0 || held === dataset.length) {
    throw new GradloomError(
      'INVALID_DATA',
      `train: of ${countOf(dataset.length, nounOf(dataset))} none would be left to ${held === 0 ? 'validate' : 'train'} with --validation ${validation}; ` +
        `give more ${nounOf(dataset)}s, another share, or --validation 0`,
    );
  }
  const isStratified = task === 'classification' && dataset.classCounts().every((count) => count !== 1);
  const [rest, part] = isStratified
    ? (dataset as Dataset<readonly number[], 'class'>).split({
        fraction: 1 - validation,
        seed,
        stratify: 'labels',
      })
    : dataset.split({ fraction: 1 - validation, seed });
  const [train, validationSet] = scale(rest, part);
  const way = isStratified ? ', each class by its share' : '';
  output.tell(
    'split',
    `${countOf(train.length, nounOf(dataset))} to train, ${countOf(validationSet.length, nounOf(dataset))} to validate${way}`,
  );
  return { train, validation: validationSet };
}

/** Sparse rows stay as they are: shifted, they would have a value for every feature. */
function scale<Sets extends readonly [Dataset, ...Dataset[]]>(...sets: Sets): Sets {
  return isSparse(partsOf(sets[0]).inputs) ? sets : standardize(...sets);
}

function sayEnd({ history, kept }: Fitted, output: Output): void {
  const { epochs, reason } = history;
  const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  const ends: Readonly<Record<string, string>> = {
    earlyStopping: ', ended since nothing got better',
    stopped: ', stopped',
  };
  const why = ends[reason] ?? '';
  output.say('');
  output.tell('trained', `${countOf(epochs.length, 'epoch')} in ${formatSeconds(seconds)}${why}`);
  if (kept !== epochs.at(-1))
    output.tell('kept', `epoch ${kept.epoch}, the one of the least validation loss`);
}
