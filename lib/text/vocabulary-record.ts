/** Settings of vectorizers as JSON has them, where a regular expression is its source and flags. */
import type { TokenSettings } from './tokens.ts';

export function recordTokens<Settings extends TokenSettings>({ pattern, ...settings }: Settings) {
  const options = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  return pattern === undefined
    ? { options }
    : { options: { ...options, pattern: { source: pattern.source, flags: pattern.flags } } };
}

export function readRecordedOptions(options: unknown): object {
  const { pattern, ...others } = options as {
    readonly pattern?: { readonly source: string; readonly flags: string };
  };
  return pattern === undefined ? others : { ...others, pattern: new RegExp(pattern.source, pattern.flags) };
}
