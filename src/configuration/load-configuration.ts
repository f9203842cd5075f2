import { ConfigurationError, type ConfigurationProblem, type Environment } from './configuration-error.ts';
import type { Setting } from './setting.ts';
import { SETTING_KEYS, SETTINGS, type SettingKey, type SettingValues } from './settings.ts';
import { loadTemporalSettings, type TemporalSettings } from './temporal-settings.ts';

/** The configuration of a worker. Frozen. */
export interface Configuration extends SettingValues {
  readonly dohQuorum: number;
  readonly temporal: TemporalSettings;
}

/** Every setting. @throws ConfigurationError naming every problem. */
export function loadConfiguration(environment: Environment): Configuration {
  const problems: ConfigurationProblem[] = [];
  const values = readInto(problems, environment, SETTING_KEYS);
  problems.push(...crossCheck(values));
  const temporal = loadTemporalSettings(environment, problems);
  if (problems.length > 0 || temporal === undefined) throw new ConfigurationError(problems);
  const dohQuorum = values.dohQuorum ?? Math.floor(values.dohResolvers.length / 2) + 1;
  return deepFreeze({ ...values, dohQuorum, temporal });
}

/** Only these: a wrong resolver must not make `certman status` fail. @throws ConfigurationError naming all problems. */
export function loadSettings<Key extends SettingKey>(
  environment: Environment,
  keys: readonly Key[],
): Readonly<Pick<SettingValues, Key>> {
  const problems: ConfigurationProblem[] = [];
  const values = readInto(problems, environment, keys);
  if (problems.length > 0) throw new ConfigurationError(problems);
  return deepFreeze(values);
}

/** Only the connection to Temporal. @throws ConfigurationError */
export function loadTemporal(environment: Environment): TemporalSettings {
  const problems: ConfigurationProblem[] = [];
  const temporal = loadTemporalSettings(environment, problems);
  if (temporal === undefined) throw new ConfigurationError(problems);
  return temporal;
}

/** A wrong value is added to `problems` and missing from the result. */
function readInto<Key extends SettingKey>(
  problems: ConfigurationProblem[],
  environment: Environment,
  keys: readonly Key[],
): Pick<SettingValues, Key> {
  const values: Partial<Record<SettingKey, unknown>> = {};
  for (const key of keys) {
    const setting: Setting<unknown> = SETTINGS[key];
    const found = textOf(environment, setting.name);
    const text = found ?? setting.defaultText;
    if (text === undefined) continue;
    const result = setting.schema.safeParse(text);
    if (result.success) values[key] = result.data;
    else
      problems.push({ setting: setting.name, found: shorten(text), expected: result.error.issues[0]?.message ?? '' });
  }
  return values as Pick<SettingValues, Key>;
}

/** Trimmed. An empty value counts as not set: templates write `NAME=` where nothing was chosen. */
function textOf(environment: Environment, name: string): string | undefined {
  const text = environment[name]?.trim();
  return text === '' ? undefined : text;
}

const MAX_VALUE_SHOWN = 120;

function shorten(text: string): string {
  return text.length <= MAX_VALUE_SHOWN ? text : `${text.slice(0, MAX_VALUE_SHOWN)}…`;
}

function crossCheck(values: Partial<SettingValues>): readonly ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = [];
  const { dohQuorum, dohResolvers, metricsAddress, sdkMetricsAddress, deploymentName, buildId } = values;
  if (values.fedramp === true && values.hostedZoneId === undefined) {
    problems.push({ setting: 'HOSTED_ZONE_ID', expected: 'the id of the hosted zone, because FEDRAMP is true' });
  }
  if (dohQuorum !== undefined && dohResolvers !== undefined && dohQuorum > dohResolvers.length) {
    problems.push({
      setting: 'CERTMAN_DOH_QUORUM',
      found: String(dohQuorum),
      expected: `at most ${dohResolvers.length}, the number of CERTMAN_DOH_RESOLVERS`,
    });
  }
  if (
    sdkMetricsAddress !== undefined &&
    sdkMetricsAddress !== 'off' &&
    sdkMetricsAddress.port !== 0 &&
    sdkMetricsAddress.port === metricsAddress?.port
  ) {
    problems.push({
      setting: 'CERTMAN_SDK_METRICS_ADDRESS',
      found: String(sdkMetricsAddress.port),
      expected: 'another port than CERTMAN_METRICS_ADDRESS has',
    });
  }
  if ((deploymentName === undefined) !== (buildId === undefined)) {
    problems.push({
      setting: deploymentName === undefined ? 'TEMPORAL_DEPLOYMENT_NAME' : 'TEMPORAL_WORKER_BUILD_ID',
      expected: 'a value, because the other half of Worker Versioning is set',
    });
  }
  return problems;
}

function deepFreeze<T>(value: T): T {
  // Byte arrays (TLS material of the Temporal connection) cannot be frozen.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
