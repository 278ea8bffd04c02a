/** Numbers that JSON has not, in data that it carries: NaN, infinities and -0. */

const HIDDEN = '$number';

export function hideNumbers(value: unknown): unknown {
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { [HIDDEN]: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (Array.isArray(value)) return value.map(hideNumbers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hideNumbers(item)]));
}

export function showNumbers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(showNumbers);
  if (typeof value !== 'object' || value === null) return value;
  if (HIDDEN in value) return Number(value[HIDDEN]);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, showNumbers(item)]));
}
