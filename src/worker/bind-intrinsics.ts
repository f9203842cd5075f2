import type { BundleOptions } from '@temporalio/worker';

type WebpackConfiguration = Parameters<NonNullable<BundleOptions['webpackConfigHook']>>[0];

/** Globals of ECMAScript that workflow code uses and the SDK does not replace, as it does `Date` and `setTimeout`. */
export const INTRINSICS = [
  'Array',
  'ArrayBuffer',
  'BigInt',
  'Boolean',
  'Error',
  'JSON',
  'Map',
  'Math',
  'Number',
  'Object',
  'Promise',
  'Proxy',
  'RangeError',
  'Reflect',
  'RegExp',
  'Set',
  'String',
  'Symbol',
  'TypeError',
  'Uint8Array',
  'WeakMap',
] as const;

/** The first line of the bundle. */
const BINDINGS = `const { ${INTRINSICS.join(', ')} } = globalThis;`;

/**
 * Has the bundle name these globals once: in a `vm` context, Node.js asks the sandbox at each access of a global, which takes
 * longer than most of what is done with it.
 */
export function bindIntrinsics(config: WebpackConfiguration): WebpackConfiguration {
  return {
    ...config,
    plugins: [
      ...(config.plugins ?? []),
      (compiler) => {
        new compiler.webpack.BannerPlugin({ banner: BINDINGS, raw: true, entryOnly: true }).apply(compiler);
      },
    ],
  };
}
