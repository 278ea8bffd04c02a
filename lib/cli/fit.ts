/** A run that keeps its best epoch and ends when nothing gets better. */
import type { Shape } from '../core/shape.ts';
import { type AnyDataset, anyPartsOf, Dataset, type LabelKind, partsOf } from '../datasets/dataset.ts';
import { fromTable } from '../datasets/transforms/from-table.ts';
import type { EpochRecord, History } from '../history/history.ts';
import type { LossChoice } from '../losses/make-loss.ts';
import type { MetricChoice } from '../metrics/make-metrics.ts';
import type { Model } from '../models/model.ts';
import { stopOnSignal, type Trainer, type TrainingRun } from '../trainers/index.ts';
import { formatFigure, type Output } from './output.ts';

export type AnyTrainer = Trainer<Shape, LossChoice, readonly MetricChoice[]>;

export interface FitSettings {
  readonly epochs: number;
  readonly batchSize: number;
  /** Epochs without a lower validation loss after which the run ends; 0: never. */
  readonly patience: number;
  readonly keep: 'best' | 'last';
}

export interface Fitted {
  readonly run: TrainingRun;
  readonly history: History;
  /** The epoch whose weights the model has. */
  readonly kept: EpochRecord;
}

/** About so many epochs of a run are written. */
const LINES = 12;

/** Without patience a run is still watched, for its best epoch. */
const FOREVER = Number.MAX_SAFE_INTEGER;

/** Undefined: the run was stopped before its first epoch was done. */
export async function fitBest(
  trainer: AnyTrainer,
  { train, validation }: { readonly train: AnyDataset; readonly validation: AnyDataset | undefined },
  settings: FitSettings,
  output: Output,
): Promise<Fitted | undefined> {
  const { epochs, batchSize, patience, keep } = settings;
  const restoreBest = keep === 'best';
  const stride = Math.ceil(epochs / LINES);
  const run = trainer.fit(train as never, {
    epochs,
    batchSize,
    validation: validation as never,
    ...(validation === undefined ? {} : { earlyStopping: { patience: patience || FOREVER, restoreBest } }),
    progress: output.isHuman && process.stderr.isTTY ? 'line' : 'none',
    onEpochEnd: (given) => {
      const epoch = given as unknown as EpochRecord;
      if (epoch.epoch === 1 || epoch.epoch % stride === 0) output.say(formatEpoch(epoch));
    },
  }) as unknown as TrainingRun;
  stopOnSignal(run);
  const history = await run;
  const last = history.epochs.at(-1);
  if (last === undefined) return undefined;
  return { run, history, kept: restoreBest && validation !== undefined ? bestOf(history) : last };
}

/** The first of the least validation loss. */
function bestOf({ epochs }: History): EpochRecord {
  const lossOf = ({ validation }: EpochRecord) => validation?.loss ?? Number.POSITIVE_INFINITY;
  return epochs.reduce((best, epoch) => (lossOf(epoch) < lossOf(best) ? epoch : best));
}

function formatEpoch(epoch: EpochRecord): string {
  const validation = epoch.validation === undefined ? '' : `   validation ${formatFigures(epoch.validation)}`;
  return `epoch ${`${epoch.epoch}`.padStart(4)}   ${formatFigures(epoch)}${validation}`;
}

const SHOWN = ['loss', 'accuracy', 'rootMeanSquaredError'];

function formatFigures(figures: object): string {
  return Object.entries(figures)
    .filter(([name, value]) => SHOWN.includes(name) && typeof value === 'number')
    .map(([name, value]) => `${name === 'rootMeanSquaredError' ? 'rmse' : name} ${formatFigure(value)}`)
    .join('  ');
}

/** Data as the model was trained on: the preprocessing that it has, for data that bring none of their own. */
export function preparedFor(model: Model, dataset: Dataset): AnyDataset {
  const { preprocessing, inputs } = model;
  if (inputs !== undefined) {
    const { columns = {}, ...labels } = anyPartsOf<LabelKind>(fromTable(dataset));
    const prepared = Object.entries(columns).map(([name, column]) => [
      name,
      { ...column, preprocessing: inputs[name]?.preprocessing ?? column.preprocessing },
    ]);
    return new Dataset({ ...labels, columns: Object.fromEntries(prepared) });
  }
  return preprocessing === undefined ? dataset : new Dataset({ ...partsOf(dataset), preprocessing });
}
