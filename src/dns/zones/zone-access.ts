import { CertmanError } from '../../failures/failure.ts';
import { abortable } from '../../network/abortable.ts';
import type { DnsTarget } from '../provider.ts';
import type { KnownZone } from './hive-zone.ts';
import type { ZoneLookup, ZonesApi } from './zone-lookup.ts';

/** Where the credentials of a target come from. */
export interface CredentialResolver<Credentials> {
  /** @throws CertmanError `dns/credentialsMissing`, `dns/credentialsMalformed`, `kubernetes/…`. */
  resolve(target: DnsTarget): Promise<Credentials>;
  /** The service refused them: the next call reads them anew. */
  invalidate(target: DnsTarget): void;
}

/** Brings a target's zone and the API with its credentials together; what was kept and no longer holds is read anew. */
export class ZoneAccess<Credentials, Api extends ZonesApi> {
  readonly #credentials: CredentialResolver<Credentials>;
  readonly #zones: ZoneLookup;
  readonly #apiOf: (credentials: Credentials, target: DnsTarget) => Api;

  constructor(
    credentials: CredentialResolver<Credentials>,
    zones: ZoneLookup,
    apiOf: (credentials: Credentials, target: DnsTarget) => Api,
  ) {
    this.#credentials = credentials;
    this.#zones = zones;
    this.#apiOf = apiOf;
  }

  /** Runs `work` in the target's zone; once more with the zone looked up anew when the known one does not exist. */
  inZone<T>(target: DnsTarget, signal: AbortSignal, work: (api: Api, zone: KnownZone) => Promise<T>): Promise<T> {
    return this.withApi(target, signal, async (api) => {
      const zone = await abortable(this.#zones.find(api, target), signal);
      try {
        return await work(api, zone);
      } catch (error) {
        if (!(error instanceof CertmanError) || error.code !== 'dns/zoneNotFound') throw error;
        this.#zones.invalidate(api, target);
        const found = await abortable(this.#zones.find(api, target), signal);
        if (found.id === zone.id) throw error;
        return await work(api, found);
      }
    });
  }

  /** Runs `work` with the target's credentials; drops them from the cache when the service refuses them. */
  async withApi<T>(target: DnsTarget, signal: AbortSignal, work: (api: Api) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      const credentials = await abortable(this.#credentials.resolve(target), signal);
      return await work(this.#apiOf(credentials, target));
    } catch (error) {
      if (error instanceof CertmanError && error.code === 'dns/accessDenied') this.#credentials.invalidate(target);
      throw error;
    }
  }
}
