import { ConfigurationError, type ConfigurationProblem, type Environment } from './configuration-error.ts';
import type { Setting } from './setting.ts';
import { SETTINGS, type SettingValues } from './settings.ts';
import { loadTemporalSettings, type TemporalSettings } from './temporal-settings.ts';
import { loadTracingSettings, type TracingSettings } from './tracing-settings.ts';

/** The configuration of a worker. Frozen. */
export interface Configuration extends SettingValues {
  readonly dohQuorum: number;
  readonly temporal: TemporalSettings;
  /** Undefined: nothing is traced. */
  readonly tracing: TracingSettings | undefined;
}

/** Every setting. @throws ConfigurationError naming every problem. */
export function loadConfiguration(environment: Environment): Configuration {
  const problems = [...environmentProblems(environment)];
  const values = readInto(problems, environment, Object.keys(SETTINGS) as (keyof SettingValues)[]);
  problems.push(...crossCheck(values));
  const temporal = loadTemporalSettings(environment, values, problems);
  const tracing = loadTracingSettings(environment, problems);
  if (problems.length > 0 || temporal === undefined) throw new ConfigurationError(problems);
  const dohQuorum = values.dohQuorum ?? Math.floor(values.dohResolvers.length / 2) + 1;
  return deepFreeze({ ...values, dohQuorum, temporal, tracing });
}

/** Only these: a wrong resolver must not make `certman status` fail. @throws ConfigurationError naming all problems. */
export function loadSettings<Key extends keyof SettingValues>(
  environment: Environment,
  keys: readonly Key[],
): Readonly<Pick<SettingValues, Key>> {
  const problems = [...environmentProblems(environment)];
  const values = readInto(problems, environment, keys);
  if (problems.length > 0) throw new ConfigurationError(problems);
  return deepFreeze(values);
}

/** Only the connection to Temporal. @throws ConfigurationError */
export function loadTemporal(environment: Environment): TemporalSettings {
  const problems = [...environmentProblems(environment)];
  const own = readInto(problems, environment, ['allowPlaintextTemporal', 'temporalApiKey']);
  const temporal = loadTemporalSettings(environment, own, problems);
  if (problems.length > 0 || temporal === undefined) throw new ConfigurationError(problems);
  return temporal;
}

/** Variables of Node.js that would undo what every connection relies on. */
function* environmentProblems(environment: Environment): Generator<ConfigurationProblem> {
  const name = 'NODE_TLS_REJECT_UNAUTHORIZED';
  // Node.js compares with this text only.
  if (environment[name] !== '0') return;
  yield {
    setting: name,
    found: '0',
    expected:
      'no value: with it, no server that certman connects to is verified. A private CA is trusted by NODE_EXTRA_CA_CERTS, CERTMAN_ACME_CA_BUNDLE or CERTMAN_DOH_CA_BUNDLE',
  };
}

/** A wrong value is added to `problems` and missing from the result. */
function readInto<Key extends keyof SettingValues>(
  problems: ConfigurationProblem[],
  environment: Environment,
  keys: readonly Key[],
): Pick<SettingValues, Key> {
  const values: Partial<Record<Key, unknown>> = {};
  for (const key of keys) {
    const { name, format, defaultText }: Setting<unknown> = SETTINGS[key];
    // An empty value counts as not set: templates write `NAME=` where nothing was chosen.
    const text = environment[name]?.trim() || defaultText;
    if (text === undefined) continue;
    const found = shorten(text);
    try {
      values[key] = format.parse(text);
      if (values[key] === undefined) problems.push({ setting: name, found, expected: format.expected });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push({ setting: name, found, expected: `${format.expected}; ${reason}` });
    }
  }
  return values as Pick<SettingValues, Key>;
}

const MAX_VALUE_SHOWN = 120;

function shorten(text: string): string {
  return text.length <= MAX_VALUE_SHOWN ? text : `${text.slice(0, MAX_VALUE_SHOWN)}…`;
}

function* crossCheck(values: Partial<SettingValues>): Generator<ConfigurationProblem> {
  const { dohQuorum, dohResolvers, deploymentName, buildId, acmeDirectoryUrl, fallbackAccounts = [] } = values;
  if (fallbackAccounts.some(({ directoryUrl }) => directoryUrl === acmeDirectoryUrl))
    yield { setting: 'CERTMAN_FALLBACK_ACCOUNTS', expected: 'other CAs than that of CERTMAN_ACME_DIRECTORY_URL' };
  const { stagingAccount } = values;
  const others = [acmeDirectoryUrl, ...fallbackAccounts.map(({ directoryUrl }) => directoryUrl)];
  if (stagingAccount !== undefined && others.includes(stagingAccount.directoryUrl))
    yield { setting: 'CERTMAN_STAGING_ACCOUNT', expected: 'a CA from which no certificates are ordered otherwise' };
  if (values.requireEncryptedPayloads === true && values.payloadKeys === undefined)
    yield { setting: 'CERTMAN_PAYLOAD_KEYS', expected: 'the keys, because CERTMAN_REQUIRE_ENCRYPTED_PAYLOADS is true' };
  if (values.fedramp === true && values.hostedZoneId === undefined)
    yield { setting: 'HOSTED_ZONE_ID', expected: 'the id of the hosted zone, because FEDRAMP is true' };
  for (const key of ['challengeZoneId', 'challengeZoneSecret'] as const) {
    if (values[key] !== undefined && values.challengeZone === undefined)
      yield { setting: 'CERTMAN_CHALLENGE_ZONE', expected: `the zone's name, because ${SETTINGS[key].name} is set` };
  }
  if (dohQuorum !== undefined && dohResolvers !== undefined && dohQuorum > dohResolvers.length) {
    yield {
      setting: 'CERTMAN_DOH_QUORUM',
      found: String(dohQuorum),
      expected: `at most ${dohResolvers.length}, the number of CERTMAN_DOH_RESOLVERS`,
    };
  }
  yield* portsInUse(values);
  if ((deploymentName === undefined) !== (buildId === undefined)) {
    yield {
      setting: deploymentName === undefined ? 'TEMPORAL_DEPLOYMENT_NAME' : 'TEMPORAL_WORKER_BUILD_ID',
      expected: 'a value, because the other half of Worker Versioning is set',
    };
  }
}

const LISTENING = ['metricsAddress', 'probeAddress', 'sdkMetricsAddress'] as const;

function* portsInUse(values: Partial<SettingValues>): Generator<ConfigurationProblem> {
  const settingByPort = new Map<number, string>();
  for (const key of LISTENING) {
    const address = values[key];
    if (address === undefined || address === 'off' || address.port === 0) continue;
    const setting = SETTINGS[key].name;
    const other = settingByPort.get(address.port);
    if (other !== undefined) yield { setting, found: String(address.port), expected: `another port than ${other} has` };
    settingByPort.set(address.port, setting);
  }
}

function deepFreeze<T>(value: T): T {
  // Byte arrays (TLS material of the Temporal connection) cannot be frozen.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
