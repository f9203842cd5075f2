import { z } from 'zod';
import { parseAccount } from '../../acme/account.ts';
import type { Environment } from '../../configuration/configuration-error.ts';
import { unknownSettings } from '../../configuration/describe-settings.ts';
import { type Configuration, loadConfiguration } from '../../configuration/load-configuration.ts';
import type { Setting } from '../../configuration/setting.ts';
import { SETTINGS } from '../../configuration/settings.ts';
import { counted } from '../../failures/counted.ts';
import { isFailure } from '../../failures/failure.ts';
import type { KubernetesClient } from '../../kubernetes/api/client.ts';
import type { KubernetesObject } from '../../kubernetes/api/kubernetes-api.ts';
import {
  ACCOUNT_SECRET,
  createAccountStore,
  createOperatorSettings,
  SETTINGS_CONFIG_MAP,
} from '../../kubernetes/objects/operator-settings.ts';
import { CONFIG_MAPS } from '../../kubernetes/objects/resources.ts';
import { RESTARTS_CONFIG_MAP, readTurns } from '../../kubernetes/objects/restart-turns.ts';
import { accountCommand } from '../account/account-command.ts';
import { unknownSettingText } from '../commands/config.ts';
import { commandLine } from '../program-name.ts';
import { windowsIn } from '../windows/read-windows.ts';
import { Check, passed, warning } from './check.ts';

const GROUP = 'Settings';

/** Whether the environment has valid settings. */
export function environmentCheck(): Check<Configuration> {
  return new Check({
    id: 'settings',
    group: GROUP,
    title: 'the settings of this environment are valid',
    run: () => {
      const configuration = loadConfiguration(process.env);
      const unknown = unknownSettings(process.env).map(({ name, meant }) => unknownSettingText(name, meant));
      if (unknown.length === 0) return Promise.resolve(passed('all of them', configuration));
      return Promise.resolve(
        warning(`${unknown.join('. ')}.`, `Those that there are: ${commandLine('config')}`, configuration),
      );
    },
  });
}

/** The ConfigMap with the notification address. */
export function configMapCheck(client: Check<KubernetesClient>, namespace: string): Check<void> {
  return new Check({
    id: 'settings-configmap',
    group: GROUP,
    title: `the ConfigMap ${SETTINGS_CONFIG_MAP} has a notification address`,
    needs: [client],
    run: async (signal) => {
      const kubernetes = client.value.withSignal(signal);
      return passed(await createOperatorSettings({ kubernetes, operatorNamespace: namespace }).notificationEmail());
    },
  });
}

/** The renewal windows and freezes of that ConfigMap. */
export function renewalWindowsCheck(client: Check<KubernetesClient>): Check<void> {
  return new Check({
    id: 'settings-renewal-windows',
    group: GROUP,
    title: 'the renewal windows are valid',
    needs: [client],
    run: async (signal) => {
      const { windows, freezes } = await windowsIn(client.value.withSignal(signal));
      if (windows.length + freezes.length === 0) return passed('there are none');
      return passed(`${counted(windows.length, 'window')}, ${counted(freezes.length, 'freeze')}`);
    },
  });
}

/** The ConfigMap with the turns of restarts, where a limit is set. The check of the rights is whether certman may write it. */
export function restartsCheck(
  client: Check<KubernetesClient>,
  { namespace, restartsAtOnce }: Pick<Configuration, 'namespace' | 'restartsAtOnce'>,
): Check<void> {
  return new Check({
    id: 'settings-restarts',
    group: GROUP,
    title: `the ConfigMap ${RESTARTS_CONFIG_MAP} has the turns of restarts`,
    needs: [client],
    run: async (signal) => {
      if (restartsAtOnce === 0) return passed('not needed: CERTMAN_RESTARTS_AT_ONCE sets no limit');
      const { turns } = await readTurns(client.value.withSignal(signal), namespace);
      if (turns !== undefined) return passed(`${counted(turns.length, 'turn')}, of ${restartsAtOnce} at once`);
      return warning(
        `The entry turns of ConfigMap ${namespace}/${RESTARTS_CONFIG_MAP} is not a list of instants, and counts as none.`,
        `The next renewal that takes a turn writes it anew; until then, remove it: kubectl patch configmap ${RESTARTS_CONFIG_MAP} -n ${namespace} --type=json -p '[{"op":"remove","path":"/data/turns"}]'`,
      );
    },
  });
}

/** ConfigMap of deploy/base with the settings of the workers. */
const WORKER_SETTINGS = 'certman-worker';
/** Of the network of the workers, or the same by another value from outside. */
const NOT_COMPARED = new Set(['CERTMAN_ALLOW_PLAINTEXT_TEMPORAL']);
const dataSchema = z.record(z.string(), z.string()).catch({});

/** Whether this environment has the settings that the workers have, so that what is checked is what they use. */
export function workerSettingsCheck(client: Check<KubernetesClient>, namespace: string): Check<void> {
  return new Check({
    id: 'settings-of-workers',
    group: GROUP,
    title: `they are those of the workers (ConfigMap ${WORKER_SETTINGS})`,
    needs: [client],
    run: async (signal) => {
      let found: KubernetesObject | undefined;
      try {
        found = await client.value.withSignal(signal).get(CONFIG_MAPS, { namespace, name: WORKER_SETTINGS });
      } catch (error) {
        // As of the ServiceAccount of the workers, whose pods have them as environment.
        if (isFailure(error, 'kubernetes/forbidden')) return passed('not compared: there is no right to read it');
        throw error;
      }
      if (found === undefined) return passed('not compared: there is none');
      const differing = differingSettings(dataSchema.parse(found['data']), process.env);
      if (differing.length === 0) return passed('yes');
      return warning(
        `The workers have other values of ${differing.join(', ')}: what is checked may not be what they use.`,
        'Run it in one of their pods: kubectl exec -n certman-operator deploy/certman -- node bin/certman.js doctor',
      );
    },
  });
}

/** Names of certman's settings of which the environment has another value, or none where the default is another. */
export function differingSettings(workers: Readonly<Record<string, string>>, environment: Environment): string[] {
  return Object.values(SETTINGS)
    .filter(({ name, defaultText }: Setting<unknown>) => {
      const theirs = workers[name]?.trim();
      if (!name.startsWith('CERTMAN_') || NOT_COMPARED.has(name) || !theirs) return false;
      return theirs !== (environment[name]?.trim() || defaultText);
    })
    .map(({ name }) => name)
    .sort();
}

/** An account as its Secret has it. */
export interface FoundAccount {
  readonly url: string;
  readonly directoryUrl: string;
}

/** The Secret with an ACME account. @param directoryUrl of the settings; absent: by the account URL. */
export function accountCheck(
  client: Check<KubernetesClient>,
  namespace: string,
  { secretName, directoryUrl }: { readonly secretName: string; readonly directoryUrl: string | undefined },
): Check<FoundAccount> {
  return new Check({
    id: secretName === ACCOUNT_SECRET ? 'settings-account' : `settings-account:${secretName}`,
    group: GROUP,
    title: `the Secret ${secretName} has an ACME account`,
    needs: [client],
    run: async (signal) => {
      const kubernetes = client.value.withSignal(signal);
      const store = createAccountStore({ kubernetes, operatorNamespace: namespace }, secretName);
      const stored = await store.account();
      const { url, directoryUrl: found } = parseAccount(stored, directoryUrl);
      if (stored.nextPrivateKeyPem === undefined) return passed(url, { url, directoryUrl: found });
      return warning(
        `A rollover of the key of ${url} is unfinished.`,
        `Complete it: ${accountCommand('rollover --yes', secretName)}`,
        { url, directoryUrl: found },
      );
    },
  });
}
