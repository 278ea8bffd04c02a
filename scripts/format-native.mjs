// Formats the C++ files, or with `--check` fails where one is not formatted.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './build-native.mjs';

/** Versions of clang-format disagree about details, so one decides. */
const VERSION = 14;

const command = [`clang-format-${VERSION}`, 'clang-format'].find((name) =>
  spawnSync(name, ['--version'], { encoding: 'utf8' }).stdout?.includes(`version ${VERSION}.`),
);
if (command === undefined) {
  console.error(`gradloom: C++ files are not looked at, since there is no clang-format ${VERSION} here`);
} else {
  const files = ['native', join('test', 'native')].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((file) => /\.(cc|h)$/.test(file))
      .map((file) => join(root, folder, file)),
  );
  const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
  process.exitCode = spawnSync(command, ['--style=file', ...mode, ...files], { stdio: 'inherit' }).status;
}
