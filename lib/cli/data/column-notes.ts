/** What is said of a table's columns: which are left out, and what a user may want otherwise. */
import { formatValue, listOf } from '../../core/options.ts';
import type { RowSource } from '../../datasets/encoding/rows.ts';
import type { FoundColumn } from '../../datasets/encoding/table-scan.ts';
import type { CategoryEncoding } from '../../datasets/parts/table.ts';
import { countOf } from '../output.ts';

/** Texts that are nearly all different tell rows apart, not kinds of rows. */
const MIN_TEXTS = 20;
const MAX_SHARE_OF_TEXTS = 0.5;
/** Of a column of one-hot values, and of a target. */
export const MAX_CATEGORIES = 1000;

/** What a user says of columns that would be left out otherwise. */
export interface ColumnOptions {
  readonly keep: readonly string[];
  /** Values for a network of one input, or ids for tables of vectors. */
  readonly categories: CategoryEncoding;
}

/** Nothing for a column that is used. */
export function reasonToLeaveOut(
  column: FoundColumn,
  ids: ReadonlySet<string>,
  { keep, categories: encoding }: ColumnOptions,
  source: RowSource,
): { readonly name: string; readonly text: string }[] {
  const { name, kind, count, categories, firstText } = column;
  if (count === 0) return [{ name, text: `${name} is empty and left out` }];
  if (ids.has(name) && !keep.includes(name)) {
    const text = `${name} is left out: another whole number in each of ${countOf(count, 'row')}, an id (--keep ${formatName(name)} uses it)`;
    return [{ name, text }];
  }
  const { size } = categories;
  const areDates = DATE.test(firstText?.text ?? '');
  const isText = size === count || (size >= MIN_TEXTS && (areDates || size > count * MAX_SHARE_OF_TEXTS));
  const tooMany = encoding === 'oneHot' && size > MAX_CATEGORIES;
  if (kind === 'number' || !(isText || tooMany) || (keep.includes(name) && !tooMany)) return [];
  const options = [
    ...(tooMany ? ['--model wide-and-deep'] : []),
    ...(isText ? [`--keep ${formatName(name)}`] : []),
  ];
  const words = WORDS.test(firstText?.text ?? '') ? '; programs learn from words by textClassifier' : '';
  const way = ` (${options.join(' and ')} ${options.length > 1 ? 'take' : 'takes'} it as categories${words})`;
  const found = `${countOf(size, 'different text')} in ${countOf(count, 'row')}`;
  const example = `such as ${formatValue(firstText?.text)}`;
  const why = areDates
    ? `${found}, dates ${example}; to learn from them, make columns of numbers of them, such as the month${way}`
    : areNearlyNumbers(column, source)
      ? `${found}, since ${textOf(column, source)} is no number as the others are; mend or empty such cells`
      : `${found}, ${example}${way}`;
  return [{ name, text: `${name} is left out: ${why}` }];
}

/** At least three. */
const WORDS = /\S+\s+\S+\s+\S+/;

/** `2024-05-31`, `31.5.2024`, `5/31/24 12:00`. */
const DATE = /^\d{1,4}([-/.])\d{1,2}\1\d{1,4}(\D|$)/;

function areNearlyNumbers({ categories }: FoundColumn, source: RowSource): boolean {
  const numbers = [...categories].filter((text) => source.numberOf(text) !== undefined);
  return numbers.length * 2 > categories.size;
}

/** Amounts of money, and shares. */
const WITH_SIGN = /^[$€£¥]\s?[+-]?[\d.,]+$|^[+-]?[\d.,]+\s?[$€£¥%]$/;

export function textOf({ firstText }: FoundColumn, { unit }: RowSource): string {
  return `${formatValue(firstText?.text)} in ${unit} ${firstText?.line}`;
}

export function describeNearlyNumbers(column: FoundColumn, source: RowSource): readonly string[] {
  const { kind, firstText, categories } = column;
  if (kind === 'number' || firstText === undefined) return [];
  if ([...categories].every((text) => WITH_SIGN.test(text))) {
    return [
      `${column.name} is taken for categories for its signs, as in ${textOf(column, source)}; plain numbers would be amounts`,
    ];
  }
  if (!areNearlyNumbers(column, source)) return [];
  return [
    `${column.name} is taken for categories, since ${textOf(column, source)} is no number as most others are; mend or empty such cells`,
  ];
}

/** Numbers that may be none to learn from, or names. */
export function describeDoubts(
  { name, kind }: FoundColumn,
  counters: ReadonlySet<string>,
): readonly string[] {
  if (kind !== 'number') return [];
  if (counters.has(name)) return [`${name} counts the rows; --ignore ${formatName(name)} leaves it out`];
  if (!CODE_NAME.test(name)) return [];
  return [`${name} is taken for an amount; --categories ${formatName(name)} takes its numbers for names`];
}

const CODE_NAME = /(^|[^a-z])(zip|plz|postal|post)?[ _-]?code$|^(zip|plz|postal)|[a-z]Code$/i;

export function describeFill({ name, kind, missing }: FoundColumn): string {
  const fill = kind === 'number' ? 'filled with its mean' : 'taken for a category of their own';
  return `${name}: ${countOf(missing, 'missing value')} ${fill}`;
}

const MAX_LISTED = 8;

export function describeInputs(columns: readonly FoundColumn[]): string {
  const texts = columns.map(({ name, kind, categories }) =>
    kind === 'number' ? name : `${name} (${countOf(categories.size, 'category', 'categories')})`,
  );
  return shortList(texts);
}

/** The first ones, and how many more there are. */
export function shortList(texts: readonly string[]): string {
  const rest = texts.length - MAX_LISTED;
  return listOf(rest > 4 ? [...texts.slice(0, MAX_LISTED), `${rest} more`] : texts);
}

/** A name as a shell takes it. */
function formatName(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", String.raw`'\''`)}'`;
}
