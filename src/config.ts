/** Configuration: what certman can be told from outside, checked at start. */

export type { AuthoritativeServers } from './configuration/authoritative-servers.ts';
export { describeSettings, settingsAsMarkdown, unknownSettings } from './configuration/describe-settings.ts';
export {
  CONFIGURATION_DOCUMENT,
  type Configuration,
  ConfigurationError,
  type ConfigurationProblem,
  type Environment,
  loadConfiguration,
  loadSettings,
  loadTemporal,
} from './configuration/load-configuration.ts';
export type { SettingDescription } from './configuration/setting.ts';
export { SETTINGS, type SettingValues } from './configuration/settings.ts';
export type { TemporalSettings } from './configuration/temporal-settings.ts';
export { type CaBundle, formatAddress, type HostAndPort } from './configuration/values.ts';
