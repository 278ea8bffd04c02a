// The install hook of the package: builds the native part, here or as a dependency. It installs nothing on the system.
import { buildNative } from './build-native.mjs';
import { runMain } from './system.mjs';

await runMain(() => buildNative('npm install'));
