/** The fleet as the controller's cache holds it: what the fleet gauges are computed from at each scrape. */

/** A cluster, or a standalone CertificateRequest. */
export interface ClusterSeries {
  readonly namespace: string;
  readonly name: string;
  /** `Serve`, `Decommission`, or why it is not served (`NotManaged`, `NotInstalled`, …). */
  readonly gate: string;
  readonly limitedSupport: boolean;
}

/** A CertificateRequest with its certificate. */
export interface RequestSeries {
  readonly namespace: string;
  readonly name: string;
  /** First name of the certificate. */
  readonly commonName: string;
  /** Epoch milliseconds; absent while there is no certificate. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** As the user set it. */
  readonly renewBeforeDays?: number;
}

/** State of the CA's renewal information (RFC 9773). */
export interface AriCoverage {
  /** Certificates in use that the CA has given a window for. */
  readonly certificates: number;
  /** The CA does not respond, or there is no account to ask it with. */
  readonly failing: boolean;
}

/** Iterated anew at each scrape. */
export interface FleetSnapshot {
  readonly clusters: Iterable<ClusterSeries>;
  /** Standalone CertificateRequests. */
  readonly standalone: Iterable<ClusterSeries>;
  readonly requests: Iterable<RequestSeries>;
  readonly ari: AriCoverage;
}
