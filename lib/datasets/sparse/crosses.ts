/** Which features are crossed, as an option. */
import type { Rule } from '../../core/options.ts';

const isNames = (given: unknown): given is readonly string[] =>
  Array.isArray(given) &&
  given.length > 1 &&
  [...given].every((name) => typeof name === 'string') &&
  new Set(given).size === given.length;

/** Lists of two or more different names of `what`. */
export function crosses(what: string): Rule<readonly (readonly string[])[]> {
  return {
    expected: `a list of crosses, each of two or more different ${what}, such as [['user', 'item']]`,
    read: (given) =>
      Array.isArray(given) && [...given].every(isNames)
        ? Object.freeze(given.map((names) => Object.freeze([...names])))
        : undefined,
  };
}
