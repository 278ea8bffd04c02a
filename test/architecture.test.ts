/**
 * The direction of dependencies, as ARCHITECTURE.md draws it: an arrow that runs the wrong way fails here. The rules
 * know folders, not files, so adding a layer, a loss or an optimizer never touches them.
 */
import { posix } from 'node:path';
import test from 'ava';
import { arrowsOf, imports, includes, matches, readSources, type Sources } from './sources.ts';

interface Rules {
  /** Folders from the lowest to the highest. One may depend on itself and on what stands on earlier lines. */
  readonly order: readonly (readonly string[])[];
}

const NATIVE: Rules = {
  order: [
    ['common'],
    ['kernels'],
    ['layers', 'losses', 'optimizers', 'metrics', 'datasets'],
    ['training'],
    ['binding'],
  ],
};

const LIB: Rules = {
  order: [
    ['core'],
    ['native'],
    ['schedules'],
    ['layers', 'losses', 'optimizers', 'formats', 'text'],
    ['metrics', 'datasets'],
    ['models'],
    ['history'],
    ['plot'],
    ['report'],
    ['trainers'],
    ['estimators', 'word-vectors'],
    ['index.ts'],
    ['cli'],
  ],
};

/** The rooms of a folder of `lib/`, by the same rule. */
const ROOMS: Readonly<Record<string, Rules>> = {
  datasets: {
    order: [
      ['parts'],
      ['values', 'operations'],
      ['dataset.ts'],
      ['native-samples.ts', 'arrays', 'encoding'],
      ['files', 'images', 'sparse', 'streams'],
      ['shards', 'tables', 'transforms'],
      ['index.ts'],
    ],
  },
  trainers: {
    order: [
      ['control', 'logs', 'step'],
      ['checkpoints'],
      ['run'],
      ['minimize.ts', 'trainer.ts'],
      ['index.ts'],
    ],
  },
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

/** The complaint about an arrow from one top entry of a source folder to another, if it runs the wrong way. */
function wrongWay(rules: Rules, file: string, from: string, to: string): string[] {
  const rank = (entry: string) => rules.order.findIndex((line) => line.includes(entry));
  if (rank(from) < 0) return [`${file}: ${from} has no place in the order of the architecture`];
  if (rank(to) < 0) return [`${file}: depends on ${to}, which has no place in the order of the architecture`];
  return from === to || rank(to) < rank(from) ? [] : [`${file}: ${from} must not depend on ${to}`];
}

function topOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function roomOf(path: string): string {
  return path.split('/')[2] ?? '';
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

function checkRooms(lib: Sources): string[] {
  return [...lib].flatMap(([file, text]) => {
    const rules = ROOMS[topOf(file)];
    if (rules === undefined) return [];
    return imports(text)
      .map((target) => posix.join(posix.dirname(file), target))
      .filter((target) => target.startsWith(`lib/${topOf(file)}/`))
      .flatMap((target) => wrongWay(rules, file, roomOf(file), roomOf(target)));
  });
}

/** The shortest way from a file back to it. */
function circleFrom(
  start: string,
  arrows: ReadonlyMap<string, readonly string[]>,
): readonly string[] | undefined {
  const paths: (readonly string[])[] = [[start]];
  const seen = new Set<string>();
  for (const path of paths) {
    for (const next of arrows.get(path.at(-1) ?? '') ?? []) {
      if (next === start) return [...path, start];
      if (!seen.has(next)) paths.push([...path, next]);
      seen.add(next);
    }
  }
  return undefined;
}

/** At least one circle of those that hang together, from its first file by name. */
function checkCircles(sources: Sources): string[] {
  const arrows = arrowsOf(sources);
  return [...sources.keys()].flatMap((file) => {
    const circle = circleFrom(file, arrows);
    return circle?.every((other) => other >= file) === true ? [circle.join(' -> ')] : [];
  });
}

function checkLoader(lib: Sources): string[] {
  return [...lib]
    .filter(([file]) => !file.startsWith('lib/native/'))
    .filter(
      ([, text]) =>
        imports(text).some((target) => target.endsWith('/load-addon.ts')) || /\.node\b['"]/.test(text),
    )
    .map(([file]) => `${file}: only lib/native loads the addon`);
}

/** Who trains loads no picture and no page: what needs one imports it then, by a call. The command has its own entry. */
function checkLoadedLate(lib: Sources): string[] {
  const late = /^(?:import|export)\s(?:[^;]*?\sfrom\s*)?'(?:\.\.\/)+(plot|report)\//gm;
  return [...lib]
    .filter(([file]) => !['plot', 'report', 'cli'].includes(topOf(file)))
    .flatMap(([file, text]) =>
      matches(text, late).map((folder) => `${file}: ${folder} is loaded when it is used, by import()`),
    );
}

/** Also where the name is a value, as it is for optional peers. */
function checkEnclosedPackages(lib: Sources): string[] {
  return [...lib].flatMap(([file, text]) =>
    ENCLOSED_PACKAGES.filter(([name, owner]) => text.includes(`'${name}'`) && !file.startsWith(owner)).map(
      ([name, owner]) => `${file}: the package ${name} belongs to ${owner} alone`,
    ),
  );
}

const native = readSources('native', /\.(cc|h)$/);
const lib = readSources('lib', /\.ts$/);
const bench = readSources('bench', /\.ts$/);
const scripts = readSources('scripts', /\.mjs$/);

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

for (const [folder, sources] of Object.entries({ native, lib, bench, scripts })) {
  test(`${folder}: no file leads back to itself`, (t) => {
    t.deepEqual(checkCircles(sources), []);
  });
}

test('lib: imports follow the order core <- native <- layers, losses, ... <- datasets <- models <- trainers', (t) => {
  t.deepEqual(checkDirectionOfImports(lib), []);
});

test('lib: rooms of a folder follow their order, too', (t) => {
  t.deepEqual(checkRooms(lib), []);
});

test('lib: only native loads the addon', (t) => {
  t.deepEqual(checkLoader(lib), []);
});

test('lib: pictures and reports are loaded when they are used', (t) => {
  t.deepEqual(checkLoadedLate(lib), []);
});

test('lib: packages are loaded in one folder each', (t) => {
  t.deepEqual(checkEnclosedPackages(lib), []);
});

test('the checks see every file', (t) => {
  t.true(native.has('native/kernels/gemm/gemm.cc'));
  t.true(lib.has('lib/native/index.ts'));
  t.true(bench.has('bench/run.ts'));
  t.true(scripts.has('scripts/test.mjs'));
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
    ['lib/models/model.ts', "const { loadAddon } = await import('../native/load-addon.ts');\n"],
  ]);
  t.deepEqual(checkDirectionOfImports(bad), [
    'lib/layers/dense.ts: layers must not depend on models',
    'lib/core/options.ts: imports bench/run.ts from outside of lib/',
  ]);
  t.deepEqual(checkLoader(bad), ['lib/models/model.ts: only lib/native loads the addon']);
});

test('a bad import between rooms is found', (t) => {
  const bad = new Map([
    ['lib/datasets/parts/table.ts', "import type { Dataset } from '../dataset.ts';\n"],
    [
      'lib/datasets/tables/csv.ts',
      "import { text } from '../../core/options.ts';\nimport '../dataset.ts';\n",
    ],
    ['lib/datasets/tables/json.ts', "import { shuffle } from '../shards/shuffle.ts';\n"],
  ]);
  t.deepEqual(checkRooms(bad), [
    'lib/datasets/parts/table.ts: parts must not depend on dataset.ts',
    'lib/datasets/tables/json.ts: tables must not depend on shards',
  ]);
});

test('a circle is found', (t) => {
  const bad = new Map([
    ['lib/trainers/trainer.ts', "import { makePage } from '../report/page.ts';\n"],
    ['lib/report/page.ts', "import type { Run } from '../plot/run.ts';\n"],
    ['lib/plot/run.ts', "export type { Trainer } from '../trainers/trainer.ts';\n"],
    ['lib/cli/main.ts', "await import('./train.ts');\nimport '../trainers/trainer.ts';\n"],
    ['lib/cli/train.ts', "type Options = import('./main.ts').Options;\n"],
    ['lib/cli/fit.ts', "import { train } from './train.ts';\n"],
  ]);
  t.deepEqual(checkCircles(bad), [
    'lib/plot/run.ts -> lib/trainers/trainer.ts -> lib/report/page.ts -> lib/plot/run.ts',
    'lib/cli/main.ts -> lib/cli/train.ts -> lib/cli/main.ts',
  ]);
});

test('a circle of headers is found, and a file that Highway includes in itself is none', (t) => {
  const bad = new Map([
    ['native/kernels/gemm.h', '#include "kernels/panel.h"\n'],
    ['native/kernels/panel.h', '#include "common/shape.h"\n#include "kernels/gemm.h"\n'],
    ['native/common/shape.h', '#include <cstdint>\n'],
    ['native/kernels/sum-inl.h', '#include "kernels/sum-inl.h"\n#include "kernels/gemm.h"\n'],
  ]);
  t.deepEqual(checkCircles(bad), [
    'native/kernels/gemm.h -> native/kernels/panel.h -> native/kernels/gemm.h',
  ]);
});

test('a report that is loaded by all who train is found', (t) => {
  const bad = new Map([
    ['lib/trainers/trainer.ts', "import { a } from '../core/a.ts';\nimport { b } from '../report/b.ts';\n"],
    ['lib/trainers/run-report.ts', "const { b } = await import('../report/b.ts');\n"],
    ['lib/report/b.ts', "import { plot } from '../plot/plot.ts';\n"],
  ]);
  t.deepEqual(checkLoadedLate(bad), [
    'lib/trainers/trainer.ts: report is loaded when it is used, by import()',
  ]);
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
