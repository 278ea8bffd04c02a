/** What happened in a run, in order. */
import type { EndReason, EpochRecord, History } from '../history/history.ts';
import { figureNames, inWords } from '../plot/epochs.ts';

/** How a run ended. */
export const ENDS: Readonly<Record<EndReason, string>> = {
  completed: 'all epochs done',
  stopped: 'stopped',
  earlyStopping: 'ended since nothing got better',
  maxSteps: 'all steps done',
  maxSeconds: 'time is up',
};

export interface EventTable {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Of longer runs the epochs between are left out evenly; those with steps left out stay. */
const MAX_EPOCHS = 200;

/** One row an epoch: when it was done, its figures, and what is worth a note. */
export function eventsOf({ epochs, reason }: History): EventTable {
  const [first] = epochs as readonly [EpochRecord, ...EpochRecord[]];
  const names = Object.keys(figuresOf(first));
  const validationNames = Object.keys(figuresOf(first.validation ?? {}));
  const heads = [
    'event',
    'training time',
    ...names,
    ...validationNames.map((name) => `validation ${name}`),
    'notes',
  ];
  const stride = Math.ceil(epochs.length / MAX_EPOCHS);
  let seconds = 0;
  let least = Number.POSITIVE_INFINITY;
  const rows = epochs.flatMap((epoch, place): string[][] => {
    seconds += epoch.seconds;
    const loss = epoch.validation?.loss ?? Number.POSITIVE_INFINITY;
    const notes = [
      ...(loss < least ? ['least validation loss so far'] : []),
      ...(epoch.skippedSteps > 0 ? [`${epoch.skippedSteps} steps left out, not finite`] : []),
    ];
    least = Math.min(least, loss);
    const isShown = place % stride === 0 || place === epochs.length - 1 || epoch.skippedSteps > 0;
    if (!isShown) return [];
    const figures = [...Object.values(figuresOf(epoch)), ...Object.values(figuresOf(epoch.validation ?? {}))];
    return [[`epoch ${epoch.epoch}`, formatTime(seconds), ...figures, notes.join('; ')]];
  });
  return { heads, rows: [...rows, [ENDS[reason], formatTime(seconds), ...heads.slice(2).map(() => '')]] };
}

export function formatTime(seconds: number): string {
  return seconds < 1 ? `${(1000 * seconds).toPrecision(3)} ms` : `${seconds.toFixed(2)} s`;
}

/** The loss and the metrics that are single numbers, by their names in words. */
export function figuresOf(figures: object): Record<string, string> {
  const values = figures as Readonly<Record<string, number>>;
  return Object.fromEntries(
    figureNames(figures).map((name) => [inWords(name), format(values[name] as number)]),
  );
}

function format(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6)
    ? value.toExponential(3)
    : `${Number(value.toPrecision(4))}`;
}
