import { type ParseArgsConfig, parseArgs } from 'node:util';
import { suggest } from '../../lib/core/options.ts';

/**
 * What a program was given, as `read` takes it. `--help` prints how the program is used and ends it; what it does not know, and what
 * `read` throws, ends it with exit code 2.
 */
export function readArguments<const Config extends ParseArgsConfig, Result>(
  usage: string,
  config: Config,
  read: (given: ReturnType<typeof parseArgs<Config>>) => Result,
): Result {
  if (process.argv.slice(2).some((word) => word === '--help' || word === '-h')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return read(parseArgs(config));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

export function readNumber(option: string, given: string, accepts: (value: number) => boolean): number {
  const value = Number(given);
  if (given.trim() === '' || !accepts(value)) throw new Error(`${option} cannot be "${given}"`);
  return value;
}

/** 0 or more. */
export function readCount(option: string, given: string): number {
  return readNumber(option, given, (value) => Number.isInteger(value) && value >= 0);
}

/** Those that are named, or all. */
export function choose(what: string, names: readonly string[], known: readonly string[]): readonly string[] {
  const stray = names.find((name) => !known.includes(name));
  if (stray !== undefined) throw new Error(`bench: there is no ${what} "${stray}"; ${suggest(stray, known)}`);
  return names.length === 0 ? known : names;
}
