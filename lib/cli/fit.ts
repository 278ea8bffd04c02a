/** A run that keeps its best epoch and ends when nothing gets better. */

import type { Shape } from '../core/shape.ts';
import { Dataset, partsOf } from '../datasets/dataset.ts';
import type { LossChoice } from '../losses/make-loss.ts';
import type { MetricChoice } from '../metrics/make-metrics.ts';
import type { Model } from '../models/model.ts';
import type { Weights } from '../models/weights.ts';
import type { EpochRecord, History } from '../trainers/index.ts';
import { stopOnSignal, type Trainer } from '../trainers/index.ts';
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
  readonly history: History;
  /** The epoch whose weights the model has. */
  readonly kept: EpochRecord;
  readonly endedBy: 'completed' | 'patience' | 'interrupt';
}

/** About so many epochs of a run are written. */
const LINES = 12;

/** Undefined: the run was stopped before its first epoch was done. */
export async function fitBest(
  trainer: AnyTrainer,
  { train, validation }: { readonly train: Dataset; readonly validation: Dataset | undefined },
  settings: FitSettings,
  output: Output,
): Promise<Fitted | undefined> {
  const { epochs, batchSize, patience, keep } = settings;
  let best: { readonly epoch: EpochRecord; readonly weights: Weights } | undefined;
  let hasLostPatience = false;
  const stride = Math.ceil(epochs / LINES);
  const run = trainer.fit(train as never, {
    epochs,
    batchSize,
    validation: validation as never,
    progress: output.isHuman && process.stderr.isTTY ? 'line' : 'none',
    onEpochEnd: (given, current) => {
      const epoch = given as unknown as EpochRecord;
      if (
        epoch.validation !== undefined &&
        (best === undefined || epoch.validation.loss < lossOf(best.epoch))
      ) {
        best = { epoch, weights: trainer.model.getWeights() };
      }
      if (epoch.epoch === 1 || epoch.epoch % stride === 0) output.say(formatEpoch(epoch));
      if (best !== undefined && patience > 0 && epoch.epoch - best.epoch.epoch >= patience) {
        hasLostPatience = true;
        current.stop();
      }
    },
  });
  stopOnSignal(run);
  const history = (await run) as unknown as History;
  const last = history.epochs.at(-1);
  if (last === undefined) return undefined;
  const isBestKept = keep === 'best' && best !== undefined;
  if (best !== undefined && isBestKept && best.epoch !== last)
    (trainer.model as Model).setWeights(best.weights);
  const endedBy = hasLostPatience ? 'patience' : history.reason === 'completed' ? 'completed' : 'interrupt';
  return { history, kept: best !== undefined && isBestKept ? best.epoch : last, endedBy };
}

function lossOf(epoch: EpochRecord): number {
  return epoch.validation?.loss ?? epoch.loss;
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
export function preparedFor(model: Model, dataset: Dataset): Dataset {
  const { preprocessing } = model;
  return preprocessing === undefined ? dataset : new Dataset({ ...partsOf(dataset), preprocessing });
}
