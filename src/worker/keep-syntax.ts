import type { BundleOptions } from '@temporalio/worker';

type WebpackConfiguration = Parameters<NonNullable<BundleOptions['webpackConfigHook']>>[0];

/** As in tsconfig.json: what Node.js runs as it is. */
const TARGET = 'es2024';

/**
 * Has the SDK's bundler leave the syntax of the sources as it is. It compiles for ES2017, where each private field of an object
 * is an entry of a WeakMap.
 * @throws RangeError where the configuration has no loader with a target, as after a change of the SDK.
 */
export function keepSyntax(config: WebpackConfiguration): WebpackConfiguration {
  let found = 0;
  const rules = config.module?.rules?.map((rule) => {
    if (!isRecord(rule) || !isRecord(rule.use) || !isRecord(rule.use.options)) return rule;
    const { jsc } = rule.use.options;
    if (!isRecord(jsc) || !('target' in jsc)) return rule;
    found += 1;
    const options = { ...rule.use.options, jsc: { ...jsc, target: TARGET } };
    return { ...rule, use: { ...rule.use, options } };
  });
  if (found !== 1)
    throw new RangeError(`The SDK compiles workflow code by ${found} rules with a target, instead of one`);
  return { ...config, module: { ...config.module, rules } };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
