/** Configuration: what certman can be told from outside, checked at start. */

export type { AuthoritativeServers } from './authoritative-servers.ts';
export { describeSettings, settingsAsMarkdown, unknownSettings } from './describe-settings.ts';
export {
  CONFIGURATION_DOCUMENT,
  type Configuration,
  ConfigurationError,
  type ConfigurationProblem,
  type Environment,
  loadConfiguration,
  loadSettings,
  loadTemporal,
} from './load-configuration.ts';
export type { SettingDescription } from './setting.ts';
export { SETTINGS, type SettingValues } from './settings.ts';
export type { TemporalSettings } from './temporal-settings.ts';
export { type CaBundle, formatAddress, type HostAndPort } from './values.ts';
