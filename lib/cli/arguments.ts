/** Values of the command line as numbers, lists and names; what cannot be is said by commander with the option's name. */
import { InvalidArgumentError } from 'commander';

export function integerFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be an integer of at least ${least}.`);
  };
}

/** Of an argument that may stand several times. */
export function integers(text: string, before: readonly number[] = []): readonly number[] {
  return [...before, integerFrom(1)(text)];
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}

export function zeroOrOne(text: string): 0 | 1 {
  if (text === '0' || text === '1') return text === '0' ? 0 : 1;
  throw new InvalidArgumentError('It must be 0 or 1.');
}

/** A share of the rows. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value < 1) return value;
  throw new InvalidArgumentError('It must be a number from 0 to below 1, such as 0.2.');
}

/** `64,32`. */
export function unitList(text: string): readonly number[] {
  return text.split(',').map(integerFrom(1));
}

/** `32x32` as [height, width], or `32` for both. */
export function imageSize(text: string): readonly [number, number] {
  const sides = text.split('x').map(integerFrom(1));
  const [height, width = height] = sides;
  if (height !== undefined && width !== undefined && sides.length <= 2) return [height, width];
  throw new InvalidArgumentError('It must be a height and a width, such as 32x32.');
}

/** Repeatable, and each a list: `--ignore id,name --ignore date`. */
export function nameList(text: string, before: readonly string[] = []): readonly string[] {
  return [
    ...before,
    ...text
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  ];
}

/** `momentum=0.9`, repeatable. */
export function setting(
  text: string,
  before: Readonly<Record<string, number | string>> = {},
): Readonly<Record<string, number | string>> {
  const [name, ...rest] = text.split('=');
  const value = rest.join('=');
  if (name === undefined || name === '' || value === '') {
    throw new InvalidArgumentError('It must be name=value, such as momentum=0.9.');
  }
  return { ...before, [name]: Number.isNaN(Number(value)) ? value : Number(value) };
}

/** One character, or its name. */
export function delimiter(text: string): string {
  const named: Readonly<Record<string, string>> = {
    tab: '\t',
    comma: ',',
    semicolon: ';',
    bar: '|',
    space: ' ',
    '\\t': '\t',
  };
  return named[text] ?? text;
}
