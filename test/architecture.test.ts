/**
 * The direction of dependencies, as ARCHITECTURE.md draws it: an arrow that runs the wrong way fails here. The rules
 * know folders, not files, so adding a layer, a loss or an optimizer never touches them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

/** Path from the repository's root, with `/`, to text. */
type Sources = ReadonlyMap<string, string>;

interface Rules {
  /** Folders from the lowest to the highest. One may depend on itself and on what stands on earlier lines. */
  readonly order: readonly (readonly string[])[];
  /** Arrows between folders of the same line that are meant. */
  readonly sideways: readonly string[];
}

const NATIVE: Rules = {
  order: [
    ['common'],
    ['kernels'],
    ['layers', 'losses', 'optimizers', 'metrics', 'datasets'],
    ['training'],
    ['binding'],
  ],
  sideways: [],
};

const LIB: Rules = {
  order: [
    ['native.ts', 'native-run.ts', 'native-word-vectors.ts', 'core'],
    ['schedules'],
    ['layers', 'losses', 'optimizers', 'metrics', 'formats', 'text'],
    ['models', 'datasets'],
    ['trainers'],
    ['estimators', 'word-vectors'],
    ['index.ts', 'plot'],
    ['report'],
    ['cli'],
  ],
  // native.ts is the surface that core's loader fills, with parts in files of their own; a metric is checked against the loss it stands beside; a model
  // predicts from data sets. A run that is to write a report loads what writes it then, and not before.
  sideways: [
    'trainers -> plot',
    'trainers -> report',
    'native.ts -> core',
    'core -> native.ts',
    'native.ts -> native-run.ts',
    'native-run.ts -> native.ts',
    'native.ts -> native-word-vectors.ts',
    'native-word-vectors.ts -> native.ts',
    'metrics -> losses',
    'models -> datasets',
  ],
};

/** Headers that one file or folder alone may include. */
const ENCLOSED: readonly (readonly [header: string, owner: string])[] = [
  ['napi.h', 'native/binding/'],
  ['node_api.h', 'native/binding/'],
  ['cblas.h', 'native/kernels/gemm/gemm.cc'],
  ['omp.h', 'native/common/parallel.cc'],
];

/** Packages that one folder alone may load. The core needs none of them. */
const ENCLOSED_PACKAGES: readonly (readonly [package_: string, owner: string])[] = [
  ['vega', 'lib/plot/'],
  ['vega-lite', 'lib/plot/'],
  ['@resvg/resvg-js', 'lib/plot/'],
  ['commander', 'lib/cli/'],
  ['sharp', 'lib/formats/'],
  ['csv-parse', 'lib/formats/'],
];

/** Calls of Highway's that one file alone may make, and what stands in for them everywhere else. */
const WRAPPED: readonly (readonly [call: RegExp, owner: string, instead: string])[] = [
  [/\bLoadN\(/, 'native/common/highway-inl.h', 'load_first'],
  [/\bStoreN\(/, 'native/common/highway-inl.h', 'store_first'],
];

/** Folders whose members (what their registry includes beside the interface) do not know each other. */
const FAMILIES = [
  ['layers', 'layer.h'],
  ['losses', 'loss.h'],
  ['optimizers', 'optimizer.h'],
  ['metrics', 'metric.h'],
] as const;

function read(folder: string, extension: RegExp): Sources {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && extension.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  return new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}

function includes(text: string): string[] {
  return matches(text, /^\s*#\s*include\s+["<]([^">]+)[">]/gm);
}

function imports(text: string): string[] {
  return matches(text, /\b(?:from|import|import\()\s*'([^']+)'/g);
}

/** The complaint about an arrow from one top entry of a source folder to another, if it runs the wrong way. */
function wrongWay(rules: Rules, file: string, from: string, to: string): string[] {
  const rank = (entry: string) => rules.order.findIndex((line) => line.includes(entry));
  if (rank(from) < 0) return [`${file}: ${from} has no place in the order of the architecture`];
  if (rank(to) < 0) return [`${file}: depends on ${to}, which has no place in the order of the architecture`];
  const allowed = from === to || rank(to) < rank(from) || rules.sideways.includes(`${from} -> ${to}`);
  return allowed ? [] : [`${file}: ${from} must not depend on ${to}`];
}

function topOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function checkDirectionOfIncludes(native: Sources): string[] {
  return [...native].flatMap(([file, text]) =>
    includes(text)
      .filter((header) => native.has(`native/${header}`))
      .flatMap((header) => wrongWay(NATIVE, file, topOf(file), topOf(`native/${header}`))),
  );
}

function checkEnclosedHeaders(native: Sources): string[] {
  return [...native].flatMap(([file, text]) =>
    ENCLOSED.filter(([header, owner]) => includes(text).includes(header) && !file.startsWith(owner)).map(
      ([header, owner]) => `${file}: ${header} belongs to ${owner} alone`,
    ),
  );
}

function checkWrappedCalls(native: Sources): string[] {
  return [...native].flatMap(([file, text]) =>
    WRAPPED.filter(([call, owner]) => call.test(text) && file !== owner).map(
      ([, owner, instead]) => `${file}: call ${instead} of ${owner} instead`,
    ),
  );
}

function checkFamilies(native: Sources): string[] {
  return FAMILIES.flatMap(([family, interfaceHeader]) => {
    const registry = `native/${family}/registry`;
    const members = includes(native.get(`${registry}.cc`) ?? '')
      .filter((header) => header.startsWith(`${family}/`))
      .filter((header) => header !== `${family}/registry.h` && header !== `${family}/${interfaceHeader}`)
      .map(stemOf);
    return [...native]
      .filter(([file]) => topOf(file) === family && !file.startsWith(registry))
      .flatMap(([file, text]) => {
        const own = memberOf(stemOf(file), members);
        return includes(text)
          .filter((header) => header.startsWith(`${family}/`))
          .filter((header) => ![undefined, own].includes(memberOf(stemOf(header), members)))
          .map((header) => `${file}: must not know its sibling ${header}`);
      });
  });
}

/** `native/layers/conv2d/blas.cc` or `layers/conv2d/blas.h` to `layers/conv2d/blas`. */
function stemOf(path: string): string {
  return path.replace(/^native\//, '').replace(/\.(cc|h)$/, '');
}

/**
 * The member that a file is a part of, if any: `conv2d_blas.h` one of `conv2d.h`, and so is all of a folder of its own,
 * as `conv2d/blas.h` of `conv2d/conv2d.h`. What members share is a part of none.
 */
function memberOf(stem: string, members: readonly string[]): string | undefined {
  if (members.includes(stem)) return stem;
  const ownsFolder = (member: string) => posix.basename(posix.dirname(member)) === posix.basename(member);
  return (
    members.findLast((member) => stem.startsWith(`${member}_`)) ??
    members.find((member) => ownsFolder(member) && stem.startsWith(`${posix.dirname(member)}/`))
  );
}

function checkDirectionOfImports(lib: Sources): string[] {
  return [...lib].flatMap(([file, text]) =>
    imports(text)
      .filter((target) => target.startsWith('.'))
      .map((target) => posix.join(posix.dirname(file), target))
      .flatMap((target) =>
        target.startsWith('lib/')
          ? wrongWay(LIB, file, topOf(file), topOf(target))
          : [`${file}: imports ${target} from outside of lib/`],
      ),
  );
}

function checkLoader(lib: Sources): string[] {
  return [...lib]
    .filter(([file]) => file !== 'lib/native.ts' && file !== 'lib/core/load-addon.ts')
    .filter(
      ([, text]) =>
        imports(text).some((target) => target.endsWith('/load-addon.ts')) || /\.node\b['"]/.test(text),
    )
    .map(([file]) => `${file}: only lib/native.ts loads the addon`);
}

/** Also where the name is a value, as it is for optional peers. */
function checkEnclosedPackages(lib: Sources): string[] {
  return [...lib].flatMap(([file, text]) =>
    ENCLOSED_PACKAGES.filter(([name, owner]) => text.includes(`'${name}'`) && !file.startsWith(owner)).map(
      ([name, owner]) => `${file}: the package ${name} belongs to ${owner} alone`,
    ),
  );
}

const native = read('native', /\.(cc|h)$/);
const lib = read('lib', /\.ts$/);

test('native: includes follow the order common <- kernels <- layers, losses, ... <- training <- binding', (t) => {
  t.deepEqual(checkDirectionOfIncludes(native), []);
});

test('native: Node-API, BLAS and OpenMP are each included in one place', (t) => {
  t.deepEqual(checkEnclosedHeaders(native), []);
});

test('native: parts of vectors are loaded and stored by our own functions', (t) => {
  t.deepEqual(checkWrappedCalls(native), []);
});

test('native: layers, losses, optimizers and metrics never include their siblings', (t) => {
  t.deepEqual(checkFamilies(native), []);
});

test('lib: imports follow the order native, core <- layers, losses, ... <- models, datasets <- trainers', (t) => {
  t.deepEqual(checkDirectionOfImports(lib), []);
});

test('lib: only native.ts loads the addon', (t) => {
  t.deepEqual(checkLoader(lib), []);
});

test('lib: packages are loaded in one folder each', (t) => {
  t.deepEqual(checkEnclosedPackages(lib), []);
});

test('the checks see every file', (t) => {
  t.true(native.has('native/kernels/gemm/gemm.cc'));
  t.true(lib.has('lib/native.ts'));
});

test('a bad include is found', (t) => {
  const bad = new Map([
    ['native/common/shape.h', '#include "kernels/gemm/gemm.h"\n'],
    ['native/kernels/gemm/gemm.h', '#include "common/shape.h"\n'],
    ['native/layers/dense/dense.cc', '#include "losses/loss.h"\n'],
    ['native/losses/loss.h', ''],
    ['native/surprise/new.cc', '#include "common/shape.h"\n'],
  ]);
  t.deepEqual(checkDirectionOfIncludes(bad), [
    'native/common/shape.h: common must not depend on kernels',
    'native/layers/dense/dense.cc: layers must not depend on losses',
    'native/surprise/new.cc: surprise has no place in the order of the architecture',
  ]);
});

test('a header outside of its place is found', (t) => {
  const bad = new Map([
    ['native/layers/dense/dense.cc', '#include <cblas.h>\n#  include <omp.h>\n'],
    ['native/kernels/gemm/gemm.cc', '#include <cblas.h>\n'],
    ['native/training/run.cc', '#include <napi.h>\n'],
  ]);
  t.deepEqual(checkEnclosedHeaders(bad), [
    'native/layers/dense/dense.cc: cblas.h belongs to native/kernels/gemm/gemm.cc alone',
    'native/layers/dense/dense.cc: omp.h belongs to native/common/parallel.cc alone',
    'native/training/run.cc: napi.h belongs to native/binding/ alone',
  ]);
});

test("a part of a vector by Highway's own function is found", (t) => {
  const bad = new Map([
    ['native/kernels/pool.cc', 'auto x = hn::LoadN(d, from, 3);\n'],
    ['native/kernels/window.cc', 'auto x = load_first(d, from, 3);\n'],
    ['native/losses/mse-inl.h', 'hn::StoreN(x, d, to, 3);\n'],
    ['native/common/highway-inl.h', 'return hn::LoadN(d, from, count);\n'],
  ]);
  t.deepEqual(checkWrappedCalls(bad), [
    'native/kernels/pool.cc: call load_first of native/common/highway-inl.h instead',
    'native/losses/mse-inl.h: call store_first of native/common/highway-inl.h instead',
  ]);
});

test('a layer that includes another layer is found', (t) => {
  const bad = new Map([
    [
      'native/layers/registry.cc',
      '#include "layers/registry.h"\n#include "layers/dense.h"\n#include "layers/conv2d/conv2d.h"\n' +
        '#include "layers/pooling/max_pool2d.h"\n#include "layers/pooling/average_pool2d.h"\n',
    ],
    ['native/layers/dense.h', '#include "layers/layer.h"\n'],
    ['native/layers/dense.cc', '#include "layers/dense.h"\n#include "layers/dense_panels.h"\n'],
    ['native/layers/dense_panels.cc', '#include "layers/dense.h"\n#include "layers/conv2d/blas.h"\n'],
    [
      'native/layers/conv2d/conv2d.cc',
      '#include "layers/conv2d/conv2d.h"\n#include "layers/conv2d/blas.h"\n#include "layers/dense.h"\n' +
        '#include "layers/window.h"\n',
    ],
    [
      'native/layers/conv2d/blas.cc',
      '#include "layers/conv2d/blas.h"\n#include "layers/conv2d/conv2d.h"\n#include "layers/dense_panels.h"\n',
    ],
    ['native/layers/pooling/max_pool2d.cc', '#include "layers/pooling/max_pool2d.h"\n'],
    [
      'native/layers/pooling/average_pool2d.cc',
      '#include "layers/pooling/cut.h"\n#include "layers/pooling/max_pool2d.h"\n',
    ],
    ['native/layers/window.h', '#include "layers/conv2d/conv2d.h"\n'],
  ]);
  t.deepEqual(checkFamilies(bad), [
    'native/layers/dense_panels.cc: must not know its sibling layers/conv2d/blas.h',
    'native/layers/conv2d/conv2d.cc: must not know its sibling layers/dense.h',
    'native/layers/conv2d/blas.cc: must not know its sibling layers/dense_panels.h',
    'native/layers/pooling/average_pool2d.cc: must not know its sibling layers/pooling/max_pool2d.h',
    'native/layers/window.h: must not know its sibling layers/conv2d/conv2d.h',
  ]);
});

test('a bad import is found', (t) => {
  const bad = new Map([
    [
      'lib/layers/dense.ts',
      "import type { Model } from '../models/model.ts';\nimport { x } from './layer.ts';\n",
    ],
    ['lib/core/options.ts', "export { y } from '../../bench/run.ts';\n"],
    ['lib/models/model.ts', "const { loadAddon } = await import('../core/load-addon.ts');\n"],
  ]);
  t.deepEqual(checkDirectionOfImports(bad), [
    'lib/layers/dense.ts: layers must not depend on models',
    'lib/core/options.ts: imports bench/run.ts from outside of lib/',
  ]);
  t.deepEqual(checkLoader(bad), ['lib/models/model.ts: only lib/native.ts loads the addon']);
});

test('a package outside of its folder is found', (t) => {
  const bad = new Map([
    ['lib/trainers/trainer.ts', "const VEGA: string = 'vega';\n"],
    ['lib/plot/packages.ts', "await load('vega');\n"],
  ]);
  t.deepEqual(checkEnclosedPackages(bad), [
    'lib/trainers/trainer.ts: the package vega belongs to lib/plot/ alone',
  ]);
});
