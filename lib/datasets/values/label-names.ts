/** Classes by names that a file holds as texts. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue, listOf } from '../../core/options.ts';

/**
 * The class of each label: numbers in order of value, other texts by character, or in the order of `classNames`. `where` is the place of a
 * label in errors. Throws `INVALID_DATA` for one that `classNames` lacks.
 */
export function classesOf(
  labels: readonly string[],
  classNames: readonly string[] | undefined,
  where: (place: number) => string,
): { readonly labels: Int32Array; readonly classNames?: readonly string[] } {
  const names = classNames ?? sortedNames(new Set(labels));
  const numbers = new Map(names.map((name, place) => [name, place]));
  const classes = Int32Array.from(labels, (label, place) => {
    const number = numbers.get(label);
    if (number !== undefined) return number;
    throw new GradloomError(
      'INVALID_DATA',
      `${where(place)}: the label ${formatValue(label)} is none of the classes ${listOf(names.map(formatValue))}`,
    );
  });
  return names.length === 0
    ? { labels: classes }
    : { labels: classes, classNames: Object.freeze([...names]) };
}

/** Numbers by value where all are numbers, else by character. */
export function sortedNames(names: Iterable<string>): string[] {
  const sorted = [...names];
  const areNumbers = sorted.every((name) => name.trim() !== '' && Number.isFinite(Number(name)));
  return sorted.sort(areNumbers ? (a, b) => Number(a) - Number(b) || (a < b ? -1 : 1) : undefined);
}
