/**
 * The package as a stranger gets it: packed, installed in an empty project (with its native build), imported from ESM,
 * CommonJS and TypeScript. Slow, since the native part is really built.
 */
import { execFile } from 'node:child_process';
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import anyTest, { type TestFn } from 'ava';

const test = anyTest as TestFn<{ folder: string; tarball: string; project: string }>;
const root = fileURLToPath(new URL('..', import.meta.url));

/** What is common to the programs below; ten lines with the import. */
const BODY = `
const inputs = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
const labels = Float32Array.from({ length: 32 }, (_, i) => inputs[2 * i] - inputs[2 * i + 1]);
const samples = fromArrays({ inputs, inputShape: [2], labels, labelKind: 'values' });
const model = sequential({ inputShape: [2], seed: 1 }, [dense({ units: 1 })]);
const trainer = new Trainer(model, { optimizer: adagrad({ learningRate: 0.5 }), loss: 'meanSquaredError' });
trainer.fit(samples, { epochs: 60, batchSize: 8 }).then(() => model.predict(new Float32Array([3, 1]))).then((prediction) => {
  console.log((prediction.data[0] ?? Number.NaN).toFixed(1));
});
`;
const NAMES = '{ adagrad, dense, fromArrays, sequential, Trainer }';
const PROGRAMS = {
  'program.mjs': `import ${NAMES} from 'gradloom';${BODY}`,
  'program.cjs': `const ${NAMES} = require('gradloom');${BODY}`,
  'program.mts': `import ${NAMES} from 'gradloom';${BODY}`,
  'program.cts': `import ${NAMES} from 'gradloom';${BODY}`,
};
const EXPECTED = '2.0\n';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(cwd: string, command: string, ...options: string[]): Promise<Outcome> {
  // Not the npm settings of the `npm test` above us: this is somebody else's project.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?!config_registry)/i.test(name)),
  );
  try {
    const { stdout, stderr } = await promisify(execFile)(command, options, { cwd, env, maxBuffer: 2 ** 26 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout?: string; stderr?: string };
    return {
      code: typeof code === 'number' ? code : 1,
      stdout: stdout ?? '',
      stderr: stderr ?? String(error),
    };
  }
}

async function emptyProject(folder: string, name: string): Promise<string> {
  const project = await mkdtemp(join(folder, `${name}-`));
  await writeFile(join(project, 'package.json'), JSON.stringify({ name, private: true }));
  return project;
}

async function writePrograms(project: string): Promise<void> {
  for (const [file, text] of Object.entries(PROGRAMS)) await writeFile(join(project, file), text);
}

test.before('pack and install', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-packaging-'));
  const packed = await run(root, 'npm', 'pack', '--pack-destination', folder);
  t.is(packed.code, 0, packed.stderr);
  const tarball = join(folder, (await readdir(folder)).find((file) => file.endsWith('.tgz')) ?? '');
  const project = await emptyProject(folder, 'stranger');
  const installed = await run(project, 'npm', 'install', '--no-audit', '--no-fund', tarball);
  t.is(installed.code, 0, installed.stdout + installed.stderr);
  await writePrograms(project);
  t.context = { folder, tarball, project };
});

test.after.always('clean up', async (t) => {
  if (t.context.folder) await rm(t.context.folder, { recursive: true, force: true });
});

for (const file of ['program.mjs', 'program.cjs'] as const) {
  test.serial(`${file} trains on this Node.js`, async (t) => {
    const { stdout, stderr } = await run(t.context.project, process.execPath, file);
    t.is(stdout, EXPECTED, stderr);
  });

  test.serial(`${file} trains on Node.js 24`, async (t) => {
    const version = await run(t.context.folder, 'npx', '--yes', '-p', 'node@24', 'node', '--version');
    if (!version.stdout.startsWith('v24.')) {
      t.log('skipped: Node.js 24 cannot be had here');
      t.pass();
      return;
    }
    const { stdout, stderr } = await run(t.context.project, 'npx', '--yes', '-p', 'node@24', 'node', file);
    t.is(stdout, EXPECTED, stderr);
  });
}

test.serial('the pages that the README names come along', async (t) => {
  const folder = join(t.context.project, 'node_modules', 'gradloom');
  const readme = await readFile(join(folder, 'README.md'), 'utf8');
  const pages = new Set(Array.from(readme.matchAll(/\]\((docs\/[^)#]*)/g), ([, page]) => page as string));
  t.true(pages.size >= 3, [...pages].join());
  for (const page of pages) await t.notThrowsAsync(access(join(folder, page)), page);
});

test.serial('the command line trains and predicts', async (t) => {
  const { project } = t.context;
  const trained = await run(project, 'npx', '--no', 'gradloom', 'train', 'iris', '--json');
  t.is(trained.code, 0, trained.stderr);
  t.true(JSON.parse(trained.stdout).accuracy > 0.9);
  t.regex((await run(project, 'npx', '--no', 'gradloom', 'inspect', 'model.safetensors')).stdout, /setosa/);
});

for (const load of ["await import('gradloom/plot')", "require('gradloom/plot')"]) {
  test.serial(`${load} works, and says what is missing when it draws`, async (t) => {
    const program = `const { curves } = ${load}; curves({ a: [1, 2] }).svg().catch((error) => console.log(error.code));`;
    const type = load.startsWith('await') ? 'module' : 'commonjs';
    const { stdout, stderr } = await run(
      t.context.project,
      process.execPath,
      `--input-type=${type}`,
      '--eval',
      program,
    );
    t.is(stdout, 'NOT_INSTALLED\n', stderr);
  });
}

for (const moduleResolution of ['nodenext', 'bundler'] as const) {
  test.serial(`TypeScript with moduleResolution ${moduleResolution} accepts the programs`, async (t) => {
    const module = moduleResolution === 'bundler' ? 'preserve' : moduleResolution;
    const compiler = [
      join(root, 'node_modules/typescript/bin/tsc'),
      '--ignoreConfig',
      '--noEmit',
      '--strict',
    ];
    const types = ['--target', 'es2022', '--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
    const resolution = ['--module', module, '--moduleResolution', moduleResolution];
    const files = ['program.mts', 'program.cts'];
    const checked = await run(
      t.context.project,
      process.execPath,
      ...compiler,
      ...types,
      ...resolution,
      ...files,
    );
    t.is(checked.stdout, '');
    t.is(checked.code, 0);
  });
}

test.serial(
  'without install scripts the first import says what happened, and its command mends it',
  async (t) => {
    const project = await emptyProject(t.context.folder, 'careful');
    await run(project, 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', t.context.tarball);
    await writePrograms(project);
    for (const file of ['program.mjs', 'program.cjs']) {
      const { code, stderr } = await run(project, process.execPath, file);
      t.is(code, 1);
      t.regex(stderr, /GradloomError: gradloom: .* it was never built, because install scripts were blocked/);
      t.regex(stderr, /code: 'NATIVE_MISSING'/);
    }
    const { stderr } = await run(project, process.execPath, 'program.mjs');
    const command = /build it with: (.*)/.exec(stderr)?.[1] ?? '';
    const mended = await run(project, 'sh', '-c', command);
    t.is(mended.code, 0, mended.stderr);
    t.is((await run(project, process.execPath, 'program.mjs')).stdout, EXPECTED);
  },
);

test.serial('a build that cannot succeed says what is missing, and the install fails', async (t) => {
  const project = await emptyProject(t.context.folder, 'unequipped');
  // A PATH with nothing but Node.js and a shell.
  const bin = await mkdtemp(join(t.context.folder, 'bin-'));
  await run(bin, 'sh', '-c', `ln -s "$(command -v sh)" sh; ln -s "${process.execPath}" node`);
  const npm = (await run(project, 'sh', '-c', 'readlink -f "$(command -v npm)"')).stdout.trim();
  const install = [npm, 'install', '--no-audit', '--no-fund', t.context.tarball];
  const { code, stderr } = await run(project, 'env', `PATH=${bin}`, process.execPath, ...install);
  t.not(code, 0);
  t.regex(stderr, /gradloom: missing on this machine: a C\+\+ compiler, CMake, Ninja or make\./);
  t.deepEqual(await readdir(project), ['package.json']);
});
