/** `gradloom systems`: the examples of the slides, run and compared with what they are to reach. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { GradloomError } from '../../core/errors.ts';
import { EXIT } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { findPackage } from '../package.ts';

export interface SystemsCommand {
  readonly short?: boolean;
  readonly seed: number;
}

const SYSTEMS = 14;

export async function systems(
  numbers: readonly number[],
  { short, seed }: SystemsCommand,
  output: Output,
): Promise<number> {
  const beyond = numbers.find((number) => number > SYSTEMS);
  if (beyond !== undefined) {
    throw new GradloomError('INVALID_OPTION', `systems: there are systems 1 to ${SYSTEMS}, got ${beyond}`);
  }
  const root = findSources();
  const given = [
    ...numbers.map(String),
    '--seed',
    `${seed}`,
    ...(short === true ? ['--short'] : []),
    ...(output.isHuman ? [] : ['--json']),
  ];
  const child = spawn(process.execPath, [join('scripts', 'systems.mjs'), ...given], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return code === 0 ? EXIT.done : EXIT.training;
}

/** The folder of Gradloom's sources: packages from npm hold no examples, and examples are programs in TypeScript. */
function findSources(): string {
  const folder = findPackage()?.folder;
  const root =
    folder !== undefined && existsSync(join(folder, 'scripts', 'systems.mjs')) ? folder : undefined;
  if (root !== undefined && existsSync(join(root, 'node_modules', 'tsx'))) return root;
  throw new GradloomError(
    'NOT_INSTALLED',
    root === undefined
      ? "systems: the examples are part of Gradloom's sources and not of this package; get the sources, and run npm install and npm run systems there"
      : `systems: the examples need tsx; run npm install in ${root}`,
  );
}
