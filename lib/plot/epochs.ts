/** Figures of runs, epoch by epoch. */
import { GradloomError } from '../core/errors.ts';
import { formatValue, suggest } from '../core/options.ts';
import { EPOCH_FACTS, type EpochRecord, type History } from '../history/history.ts';

/** A run, whose end is waited for, or the history that one resolved with. */
export type RunLike = PromiseLike<History> | History;

/** What is no figure of the training set's. */
const FACTS: ReadonlySet<string> = new Set([...EPOCH_FACTS, 'validation']);

export function checkRun(operation: string, given: unknown): RunLike {
  if (typeof given === 'object' && given !== null && ('then' in given || 'epochs' in given))
    return given as RunLike;
  throw new GradloomError(
    'INVALID_OPTION',
    `${operation}: run must be what fit returned, or the history that it resolved with, got ${formatValue(given)}`,
  );
}

export async function readEpochs(operation: string, run: RunLike): Promise<readonly EpochRecord[]> {
  const { epochs } = await run;
  if (epochs.length > 0) return epochs;
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: the run ended before its first epoch; there is nothing to draw`,
  );
}

/** The names of the loss and the metrics that are single numbers. */
export function figureNames(epoch: object): string[] {
  return Object.entries(epoch).flatMap(([name, value]) =>
    FACTS.has(name) || typeof value !== 'number' ? [] : [name],
  );
}

/** `loss`, `accuracy`, `validation.accuracy` of an epoch. */
export function figureOf(operation: string, epoch: EpochRecord, name: string): number {
  const [head, ...rest] = name.split('.');
  const isValidation = head === 'validation' && rest.length > 0;
  const figures = (isValidation ? epoch.validation : epoch) as Readonly<Record<string, unknown>> | undefined;
  const value = figures?.[isValidation ? rest.join('.') : name];
  if (typeof value === 'number') return value;
  const known = [
    ...figureNames(epoch),
    ...figureNames(epoch.validation ?? {}).map((each) => `validation.${each}`),
  ];
  throw new GradloomError(
    'INVALID_OPTION',
    `${operation}: the run's epochs have no figure ${formatValue(name)}; ${suggest(name, known)}`,
  );
}

/** camelCase as words: `rootMeanSquaredError` is `root mean squared error`. */
export function inWords(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`)
    .replace('.', ' ');
}
