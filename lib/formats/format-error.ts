import { GradloomError } from '../core/errors.ts';

/** A file that is not what its format prescribes: names the file, the offset in bytes and what is wrong there. */
export function formatError(fileName: string, offset: number, text: string): GradloomError {
  return new GradloomError('FILE_FORMAT', `${fileName}: at byte ${offset}: ${text}`);
}

/** The same for text: names the line, from 1. */
export function lineError(fileName: string, line: number, text: string): GradloomError {
  return new GradloomError('FILE_FORMAT', `${fileName}: line ${line}: ${text}`);
}
