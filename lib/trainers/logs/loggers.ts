/** Those who write down a run's epochs. */
import { constants } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { GradloomError } from '../../core/errors.ts';
import { formatValue, readValue, text } from '../../core/options.ts';
import { AT_ONCE, isSystemError, namingFile } from '../../formats/files.ts';
import { csvColumns, csvLine, csvRow, EPOCH_FACTS, type History } from '../../history/history.ts';

/**
 * Told of a run. Calls to one logger come one after another and hold the run up only at its end, which waits for them.
 * What a logger throws ends the run with that error. A function is a logger that is told of epochs only.
 */
export interface Logger<Epoch = object> {
  /** Before the first epoch; `earlier` are those of a run that is gone on with. */
  start?(earlier: readonly Epoch[]): unknown;
  epoch(epoch: Epoch): unknown;
  end?(history: History<Epoch>): unknown;
}

export type LoggerChoice<Epoch = object> = Logger<Epoch> | ((epoch: Epoch) => unknown);

/** A line an epoch on stdout. */
export function consoleLogger(): Logger {
  return {
    epoch(record) {
      console.log(describeEpoch(record));
    },
  };
}

/**
 * A CSV file, as `historyToCsv` gives it, that grows by a row an epoch. A file that is there is replaced; a run that
 * goes on from a checkpoint begins it with the epochs before. A pipe that nobody reads ends the run (`INVALID_OPTION`).
 */
export function csvLogger(path: string): Logger {
  readValue('csvLogger', 'path', path, text);
  let columns: readonly string[] | undefined;
  const rows = (epochs: readonly object[]) => {
    let lines = '';
    for (const epoch of epochs) {
      if (columns === undefined) {
        columns = csvColumns(epoch);
        lines += csvLine(columns);
      }
      lines += csvRow(columns, epoch);
    }
    return lines;
  };
  return {
    start(earlier) {
      columns = undefined;
      return write(path, rows(earlier), 'anew');
    },
    epoch: (record) => write(path, rows([record]), 'append'),
  };
}

/** A file of JSON lines, one an epoch; figures that are not finite are null there. Otherwise as `csvLogger`. */
export function jsonLinesLogger(path: string): Logger {
  readValue('jsonLinesLogger', 'path', path, text);
  const line = (record: object) => `${JSON.stringify(record)}\n`;
  return {
    start: (earlier) => write(path, earlier.map(line).join(''), 'anew'),
    epoch: (record) => write(path, line(record), 'append'),
  };
}

/** To a pipe that nobody reads, an error in place of waiting for ever. */
async function write(path: string, text: string, how: 'anew' | 'append'): Promise<void> {
  const way = how === 'anew' ? constants.O_TRUNC : constants.O_APPEND;
  try {
    await writeFile(path, text, { flag: constants.O_WRONLY | constants.O_CREAT | AT_ONCE | way });
  } catch (error) {
    if (!isSystemError(error, 'ENXIO', 'EAGAIN')) throw namingFile(error, path);
    throw new GradloomError(
      'INVALID_OPTION',
      `${path}: this is a pipe or a device that nobody reads; log to a file, or give a function as a logger`,
      { cause: error },
    );
  }
}

export function readLoggers(operation: string, given: unknown): readonly Logger[] {
  if (!Array.isArray(given)) {
    throw invalid(operation, `must be a list such as [csvLogger("run.csv")], got ${formatValue(given)}`);
  }
  return [...given].map((logger: unknown, index) => {
    if (typeof logger === 'function') return { epoch: logger as (record: object) => unknown };
    if (typeof (logger as Logger | null)?.epoch === 'function') return logger as Logger;
    throw invalid(operation, `[${index}] must be a logger or a function, got ${formatValue(logger)}`);
  });
}

function invalid(operation: string, message: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `${operation}: loggers ${message}`);
}

/** The loggers of a run. */
export class LogBook {
  readonly #loggers: readonly Logger[];
  readonly #onError: (error: unknown) => void;
  /** Of each logger, the end of its calls so far. */
  readonly #done: Promise<void>[];

  constructor(loggers: readonly Logger[], earlier: readonly object[], onError: (error: unknown) => void) {
    this.#loggers = loggers;
    this.#onError = onError;
    this.#done = loggers.map(() => Promise.resolve());
    this.#tell((logger) => logger.start?.(earlier));
  }

  epoch(record: object): void {
    this.#tell((logger) => logger.epoch(record));
  }

  /** Resolves when all have written what they were told. */
  async end(history: History<object>): Promise<void> {
    this.#tell((logger) => logger.end?.(history));
    await Promise.all(this.#done);
  }

  #tell(call: (logger: Logger) => unknown): void {
    for (const [index, logger] of this.#loggers.entries()) {
      this.#done[index] = (this.#done[index] as Promise<void>).then(async () => {
        try {
          await call(logger);
        } catch (error) {
          this.#onError(error);
        }
      });
    }
  }
}

function describeEpoch(record: object): string {
  const { epoch, samplesPerSecond, validation, ...rest } = record as Readonly<Record<string, unknown>>;
  const judged = validation === undefined ? '' : `, validation ${figures(validation as object)}`;
  const speed = Math.round(Number(samplesPerSecond)).toLocaleString('en-US');
  return `epoch ${epoch}: ${figures(rest)}${judged}, ${speed} samples/s`;
}

const FACTS: ReadonlySet<string> = new Set(EPOCH_FACTS);

function figures(record: object): string {
  return Object.entries(record)
    .filter(([key, value]) => !FACTS.has(key) && typeof value === 'number')
    .map(([key, value]) => `${key} ${(value as number).toFixed(4)}`)
    .join(', ');
}
