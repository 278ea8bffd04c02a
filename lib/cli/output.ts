/** What a command says: to a person in lines, or to a program as JSON. */
import { GradloomError, toGradloomError } from '../core/errors.ts';
import { inFlags } from './flag-words.ts';

export interface Output {
  /** A line for a person. */
  say(line: string): void;
  /** A line with its heading in a column of its own; further lines stand below. */
  tell(heading: string, ...lines: readonly string[]): void;
  /** The command's result as plain data, for programs. */
  give(result: object): void;
  /** Whether a person reads along. */
  readonly isHuman: boolean;
}

const HEADING_WIDTH = 11;

export function makeOutput(format: 'text' | 'json'): Output {
  const isHuman = format === 'text';
  const print = (line: string) => process.stdout.write(`${line}\n`);
  return {
    isHuman,
    say: (line) => void (isHuman && print(line)),
    tell: (heading, ...lines) => {
      if (!isHuman) return;
      for (const [i, line] of lines.entries())
        print(`${(i === 0 ? heading : '').padEnd(HEADING_WIDTH)}${line}`.trimEnd());
    },
    give: (result) => void (isHuman || print(JSON.stringify(result))),
  };
}

/** One line on stderr, or a JSON object on stdout. A defect shows where it happened. */
export function reportError(error: unknown, format: 'text' | 'json'): void {
  const known = toGradloomError(error);
  const code = known instanceof GradloomError ? known.code : 'INTERNAL';
  const message = known instanceof Error ? inFlags(known.message) : String(known);
  if (format === 'json') process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
  const isExpected = known instanceof GradloomError && code !== 'INTERNAL';
  const isRefused = known instanceof Error && 'syscall' in known;
  const trace = isExpected || isRefused || !(known instanceof Error) ? '' : `\n${known.stack ?? ''}`;
  process.stderr.write(`gradloom: ${message}${trace}\n`);
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 row`, `2,000 rows`. */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`;
}

/** Four digits that count, without an exponent where one can do without. */
export function formatFigure(value: number): string {
  if (!Number.isFinite(value)) return `${value}`;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(3);
  return size >= 1000
    ? formatCount(Math.round(value))
    : value.toFixed(Math.max(0, 4 - Math.floor(Math.log10(Math.max(size, 1)))));
}

export function formatSeconds(seconds: number): string {
  if (seconds < 0.01) return 'under 0.01 s';
  if (seconds < 60) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
