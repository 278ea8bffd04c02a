/**
 * The font of PNGs. resvg draws no text that it has no font for, without a word; so one is found here and named by its file, or
 * its absence is an error. No font comes with the package.
 */
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { GradloomError } from '../core/errors.ts';
import { readWholeFile } from '../formats/files.ts';

const FOLDERS = ['/usr/share/fonts', '/usr/local/share/fonts', '.local/share/fonts', '.fonts'];

/** By the start of the file's name, the best first. */
const PREFERRED = [
  'Inter-Regular',
  'NotoSans-Regular',
  'LiberationSans-Regular',
  'DejaVuSans',
  'Roboto-Regular',
];

/** Its bold twin, for titles, where there is one. */
const BOLD = ['Inter-SemiBold', 'NotoSans-Bold', 'LiberationSans-Bold', 'DejaVuSans-Bold', 'Roboto-Bold'];

let found: readonly string[] | undefined;

/** The files of a font, looked for once. */
export function findFonts(operation: string): readonly string[] {
  found ??= choose(
    FOLDERS.flatMap((folder) => listFonts(join(folder.startsWith('/') ? '/' : homedir(), folder))),
  );
  if (found.length > 0) return found;
  throw new GradloomError(
    'NOT_INSTALLED',
    `${operation}: a PNG needs a font, and this machine has none in ${FOLDERS.slice(0, 2).join(' or ')}; run: apt-get install ` +
      'fonts-dejavu-core; or name the file of one by { font }, or save as SVG',
  );
}

/** How TrueType and OpenType fonts and their collections begin. */
const SIGNATURES: ReadonlySet<string> = new Set(['00010000', '4f54544f', '74727565', '74746366']);

/** Checks a font that a user names: from a file that is none resvg would draw nothing, without a word. */
export async function checkFont(operation: string, path: string): Promise<string> {
  const bytes = await readWholeFile(path);
  if (SIGNATURES.has(Buffer.from(bytes.subarray(0, 4)).toString('hex'))) return path;
  throw new GradloomError(
    'FILE_FORMAT',
    `${operation}: ${path}: is no TrueType or OpenType font (.ttf, .otf)`,
  );
}

function choose(files: readonly string[]): readonly string[] {
  const stem = (file: string) => basename(file).replace(/\.[a-z]+$/i, '');
  for (const [place, name] of PREFERRED.entries()) {
    const regular = files.find((file) => stem(file) === name);
    const bold = files.find((file) => stem(file) === BOLD[place]);
    if (regular !== undefined) return bold === undefined ? [regular] : [regular, bold];
  }
  const any = files.find((file) => /regular/i.test(file)) ?? files[0];
  return any === undefined ? [] : [any];
}

function listFonts(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(?:ttf|otf)$/i.test(file))
      .sort()
      .map((file) => join(folder, file));
  } catch {
    return [];
  }
}
