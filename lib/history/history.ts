/** What becomes of a run: the records of its epochs, and its history. */
import { GradloomError } from '../core/errors.ts';
import { formatValue, guardedBy, readValue } from '../core/options.ts';
import type { Evaluation } from '../models/objective.ts';

/** What is known of every epoch, beside its loss and metrics. */
export interface EpochFacts {
  /** From 1, counted over all runs of the trainer. */
  readonly epoch: number;
  /** Optimizer steps so far, over all runs of the trainer. */
  readonly steps: number;
  /** Steps of this epoch that `nonFinite: 'skip'` left out. */
  readonly skippedSteps: number;
  /** What `reduceOnPlateau` has multiplied the learning rate by so far; 1 otherwise. */
  readonly rateScale: number;
  /** Of training, without validation and pauses. */
  readonly seconds: number;
  /** 0 without a validation set. */
  readonly validationSeconds: number;
  readonly samplesPerSecond: number;
  /** Bytes: the most that the whole process has held resident until the epoch's end. */
  readonly peakMemory: number;
  /**
   * Of a model with regularizers: their sum on the epoch's last weights. Training minimises the loss and this.
   */
  readonly penalty?: number;
}

/** The facts of an epoch that are no figures of the model's. */
export const EPOCH_FACTS: readonly (keyof EpochFacts)[] = [
  'epoch',
  'steps',
  'skippedSteps',
  'rateScale',
  'seconds',
  'validationSeconds',
  'samplesPerSecond',
  'peakMemory',
  'penalty',
];

/**
 * One epoch: the mean loss over its samples and the running metrics, each by its name (`Figures`), as of the steps
 * they were computed in. `validation` is computed after the epoch, for runs that have a validation set.
 *
 * `Validation` is the type of the set that the run was given: a dataset, undefined, or one of both.
 */
export type EpochRecord<Figures = unknown, Validation = unknown> = EpochFacts &
  Evaluation<Figures> &
  ValidationRecord<Evaluation<Figures>, Validation>;

export type ValidationRecord<Result, Validation> = unknown extends Validation
  ? { readonly validation?: Result }
  : [Validation] extends [undefined]
    ? unknown
    : undefined extends Validation
      ? { readonly validation?: Result }
      : { readonly validation: Result };

/** In the midst of an epoch: the mean loss and the metrics over the samples so far, without metrics that take long. */
export type BatchRecord<Figures = unknown> = {
  /** From 1, counted over all runs of the trainer. */
  readonly epoch: number;
  /** Batches of this epoch that are done. */
  readonly batch: number;
  readonly batches: number;
  /** Optimizer steps so far, over all runs of the trainer. */
  readonly steps: number;
  readonly loss: number;
  /** Events of this run that were dropped so far, because the event loop was behind. */
  readonly dropped: number;
} & Partial<Figures>;

/**
 * Why a run ended: all epochs were done; by `stop`, an abort or `break`; by its early stopping; or a budget was used up.
 */
export type EndReason = 'completed' | 'stopped' | 'earlyStopping' | 'maxSteps' | 'maxSeconds';

/** What became of a run, as plain data. */
export interface History<Epoch = EpochRecord> {
  readonly epochs: readonly Epoch[];
  readonly reason: EndReason;
}

const withEpochs = guardedBy(
  '{ epochs }, a list of records',
  (given): given is Pick<History<object>, 'epochs'> =>
    isRecord(given) && Array.isArray(given.epochs) && Array.from(given.epochs).every(isRecord),
);

function isRecord(given: unknown): given is Readonly<Record<string, unknown>> {
  return typeof given === 'object' && given !== null;
}

/**
 * A history's epochs, or epochs, as CSV: a row each, a column a figure, those of the validation set as
 * `validation.loss`. Lists and matrices are JSON in their cell. `JSON.stringify` does for JSON.
 */
export function historyToCsv(history: Pick<History<object>, 'epochs'>): string {
  const { epochs } = readValue('historyToCsv', 'history', history, withEpochs);
  if (epochs.length === 0) return '';
  const columns = [...new Set(epochs.flatMap(csvColumns))];
  return csvLine(columns) + epochs.map((epoch) => csvRow(columns, epoch)).join('');
}

const VALIDATION = 'validation';

export function csvColumns(record: object): readonly string[] {
  return Object.entries(record).flatMap(([key, value]) =>
    key === VALIDATION ? Object.keys(value ?? {}).map((name) => `${VALIDATION}.${name}`) : [key],
  );
}

export function csvRow(columns: readonly string[], record: object): string {
  const { validation, ...training } = record as Readonly<Record<string, unknown>>;
  const named = Object.entries(validation ?? {}).map(([key, value]) => [`${VALIDATION}.${key}`, value]);
  const values = new Map<string, unknown>([...Object.entries(training), ...(named as [string, unknown][])]);
  return csvLine(
    columns.map((column) => {
      const value = values.get(column);
      return typeof value === 'object' ? toJson(column, value) : String(value ?? '');
    }),
  );
}

function toJson(column: string, value: object | null): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    const text = `historyToCsv: ${formatValue(column)} holds what JSON has no words for`;
    throw new GradloomError('INVALID_DATA', text, { cause: error });
  }
}

export function csvLine(cells: readonly string[]): string {
  const quoted = cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell));
  return `${quoted.join(',')}\n`;
}
