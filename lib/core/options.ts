/**
 * Reads options objects against a table that names every option, what it accepts and what stands for it when
 * it is left out. The table is the one place where a default is written.
 */
import { GradloomError } from './errors.ts';
import { formatShape, type Shape } from './shape.ts';

/**
 * What an option accepts. `read` gives the value in its normal form, or undefined for one that is not
 * accepted.
 */
export interface Rule<Value> {
  /** Completes the sentence "units must be ...". */
  readonly expected: string;
  readonly read: (given: unknown) => Value | undefined;
}

/** One row of a table of options. */
export interface Field<Value> {
  readonly rule: Rule<unknown>;
  readonly presence: 'required' | 'optional';
  readonly fallback: Value | undefined;
}

export type FieldTable = Readonly<Record<string, Field<unknown>>>;

/** The options that a table reads, in their normal form. */
export type OptionsOf<Table extends FieldTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Field<infer Value> ? Value : never;
};

export function required<Value>(rule: Rule<Value>): Field<Value> {
  return { rule, presence: 'required', fallback: undefined };
}

/** An option that stands for nothing when it is left out. */
export function optional<Value>(rule: Rule<Value>): Field<Value | undefined> {
  return { rule, presence: 'optional', fallback: undefined };
}

export function withDefault<Value>(rule: Rule<Value>, fallback: NoInfer<Value>): Field<Value> {
  return { rule, presence: 'optional', fallback: Object.freeze(fallback) };
}

/** Checks `given` against `table`; the errors begin with `operation`, for instance `conv2d "conv1"`. */
export function readOptions<Table extends FieldTable>(
  operation: string,
  given: object | undefined,
  table: Table,
): OptionsOf<Table> {
  const names = Object.keys(table);
  if (given !== undefined && (typeof given !== 'object' || given === null || Array.isArray(given))) {
    throw invalid(operation, `options must be an object with ${listOf(names)}, got ${formatValue(given)}`);
  }
  const values = (given ?? {}) as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(values)) {
    if (!Object.hasOwn(table, key)) {
      const known = otherName(key, names);
      const hint = known === undefined ? suggest(key, names) : `did you mean "${known}"?`;
      throw invalid(operation, `unknown option ${formatValue(key)}; ${hint}`);
    }
  }
  const options: Record<string, unknown> = {};
  for (const [name, { rule, presence, fallback }] of Object.entries(table)) {
    const value = values[name];
    if (value === undefined) {
      if (presence === 'required') {
        throw invalid(operation, `${name} is missing; it must be ${rule.expected}`);
      }
      options[name] = fallback;
      continue;
    }
    options[name] = readValue(operation, name, value, rule);
  }
  return Object.freeze(options) as OptionsOf<Table>;
}

/** Checks one argument that is not part of an options object. */
export function readValue<Value>(operation: string, name: string, given: unknown, rule: Rule<Value>): Value {
  const value = rule.read(given);
  if (value !== undefined) return value;
  throw invalid(operation, `${name} must be ${rule.expected}, got ${formatValue(given)}`);
}

function invalid(operation: string, text: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `${operation}: ${text}`);
}

export const boolean: Rule<boolean> = {
  expected: 'true or false',
  read: (given) => (typeof given === 'boolean' ? given : undefined),
};

export const text: Rule<string> = {
  expected: 'a string that is not empty',
  read: (given) => (typeof given === 'string' && given !== '' ? given : undefined),
};

/** An integer from `min` to `max`, both included. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Rule<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return {
    expected: `an integer ${range}`,
    read: (given) =>
      Number.isInteger(given) && isWithin(given as number, min, max) ? (given as number) : undefined,
  };
}

/** The largest extent, count or size that the native side takes in one dimension. */
const MAX_EXTENT = 2 ** 31 - 1;

/** Units, filters, a kernel's side, a batch size. */
export const extent: Rule<number> = integer(1, MAX_EXTENT);

/** A seed of a random stream. */
export const seed: Rule<number> = integer(0);

/** 0 stands for all that affinity and quota allow. */
export const threads: Rule<number> = integer(0, 1024);

/** A number that is finite in float32 and passes `accepts`; `expected` says which do. */
export function numberThat(expected: string, accepts: (value: number) => boolean): Rule<number> {
  return {
    expected,
    read: (given) =>
      typeof given === 'number' && Number.isFinite(Math.fround(given)) && accepts(given) ? given : undefined,
  };
}

export const positive: Rule<number> = numberThat('a finite number above 0', (value) => value > 0);

/** What is nearer to zero counts as zero where native code computes in float32. */
export const LEAST_NORMAL_FLOAT = 2 ** -126;

/** What float32 can divide by. */
export const divisor: Rule<number> = numberThat(
  'a finite number of at least 1.2e-38',
  (value) => Math.fround(value) >= LEAST_NORMAL_FLOAT,
);

export const nonNegative: Rule<number> = numberThat('a finite number of at least 0', (value) => value >= 0);

export const fraction: Rule<number> = numberThat(
  'a number of at least 0 and below 1',
  (value) => value >= 0 && value < 1,
);

/** A list of at least one number; `expected` names them. */
export function listThat(expected: string, rule: Rule<number>): Rule<readonly number[]> {
  return {
    expected,
    read: (given) =>
      Array.isArray(given) && given.length > 0 && [...given].every((value) => rule.read(value) !== undefined)
        ? Object.freeze([...given])
        : undefined,
  };
}

export function oneOf<const Value extends string>(...values: readonly Value[]): Rule<Value> {
  return {
    expected: listOf(
      values.map((value) => `"${value}"`),
      'or',
    ),
    read: (given) => values.find((value) => value === given),
  };
}

/** A number for both axes, or `[vertical, horizontal]`; read as the pair. */
export function pairOf(rule: Rule<number>): Rule<readonly [number, number]> {
  return {
    expected: `${rule.expected}, or a pair of them as [vertical, horizontal]`,
    read: (given) => {
      const [vertical, horizontal] = Array.isArray(given) && given.length === 2 ? given : [given, given];
      const pair = [rule.read(vertical), rule.read(horizontal)] as const;
      return pair[0] === undefined || pair[1] === undefined
        ? undefined
        : Object.freeze([pair[0], pair[1]] as const);
    },
  };
}

export const sampleShape: Rule<Shape> = {
  expected: 'the shape of one sample without the batch, such as [4] or [28, 28, 1]',
  read: (given) =>
    Array.isArray(given) && given.length > 0 && [...given].every((value) => extent.read(value) !== undefined)
      ? Object.freeze([...given])
      : undefined,
};

/** A value whose checks come later. */
export function anything(expected: string): Rule<unknown> {
  return { expected, read: (given) => given };
}

/** An instance of a class; `expected` names it with its article. */
export function instanceOf<Value>(
  expected: string,
  type: abstract new (...args: never[]) => Value,
): Rule<Value> {
  return { expected, read: (given) => (given instanceof type ? given : undefined) };
}

/** A value that a type guard knows. */
export function guardedBy<Value>(expected: string, accepts: (given: unknown) => given is Value): Rule<Value> {
  return { expected, read: (given) => (accepts(given) ? given : undefined) };
}

function isWithin(value: number, min: number, max: number): boolean {
  return value >= min && value <= max;
}

/** `a, b and c`. */
export function listOf(words: readonly string[], conjunction: 'and' | 'or' = 'and'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${conjunction} ${words[words.length - 1]}`;
}

/** What an error says after an unknown name: the nearest known one, or all of them. */
export function suggest(name: string, known: readonly string[]): string {
  const nearest = nearestOf(name, known);
  if (nearest !== undefined) return `did you mean "${nearest}"?`;
  if (known.length < 2) return `there is ${known.length === 0 ? 'none' : `only ${known[0]}`}`;
  return `there are ${listOf(known)}`;
}

/** What scikit-learn, SciPy, PyTorch and Keras call the options of data sets, in small letters without underscores. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  features: ['inputShape'],
  nfeatures: ['inputShape'],
  numfeatures: ['inputShape'],
  inputdim: ['inputShape'],
  shape: ['inputShape'],
  indptr: ['offsets'],
  crowindices: ['offsets'],
  colindices: ['indices'],
  data: ['values', 'inputs'],
  x: ['inputs', 'samples'],
  inputs: ['samples'],
  y: ['labels'],
  target: ['labels'],
  targets: ['labels'],
};

function otherName(name: string, known: readonly string[]): string | undefined {
  const key = name.toLowerCase().replaceAll('_', '');
  if (!Object.hasOwn(OTHER_NAMES, key)) return undefined;
  return OTHER_NAMES[key]?.find((candidate) => known.includes(candidate));
}

const LONGEST_VALUE = 60;

/** A value as it stands in an error's text: short and on one line. */
export function formatValue(value: unknown): string {
  if (typeof value === 'string') return shorten(JSON.stringify(value));
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
  if (ArrayBuffer.isView(value)) {
    const { length } = value as unknown as { readonly length?: number };
    return `${value.constructor.name}(${length ?? value.byteLength})`;
  }
  if (Array.isArray(value)) {
    return value.every((item) => typeof item === 'number')
      ? shorten(formatShape(value))
      : `an array of ${value.length}`;
  }
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object'
    ? `an object of class ${name}`
    : 'an object';
}

function shorten(line: string): string {
  return line.length > LONGEST_VALUE ? `${line.slice(0, LONGEST_VALUE)}...` : line;
}

/**
 * The known name of these initials (`lr`), else that at the least edit distance, if it is at most a third of the name's length
 * (and at least one edit).
 */
function nearestOf(name: string, known: readonly string[]): string | undefined {
  const abbreviated = known.find((candidate) => initialsOf(candidate) === name.toLowerCase());
  if (name.length > 1 && abbreviated !== undefined) return abbreviated;
  const limit = Math.max(1, Math.floor(name.length / 3));
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { candidate, distance };
  }
  return best?.candidate;
}

/** Of `learningRate` `lr`. */
function initialsOf(name: string): string {
  return `${name[0] ?? ''}${name.replace(/[^A-Z]/g, '')}`.toLowerCase();
}

/** Levenshtein's distance, one row of the table at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
