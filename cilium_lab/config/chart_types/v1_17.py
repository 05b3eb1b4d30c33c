"""Types of the values of Cilium's Helm chart.

Made by tools/chart_types.py from the chart's values.schema.json; don't edit.
"""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12


ChartAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels = TypedDict(
    "ChartAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels",
    {
        "k8s-app": str,
    },
    total=False,
)


class ChartAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelector(TypedDict, total=False):
    matchLabels: ChartAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels


class ChartAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItem(TypedDict, total=False):
    labelSelector: ChartAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelector
    topologyKey: str


class ChartAffinityPodAntiAffinity(TypedDict, total=False):
    requiredDuringSchedulingIgnoredDuringExecution: list[ChartAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItem]


class ChartAffinity(TypedDict, total=False):
    podAntiAffinity: ChartAffinityPodAntiAffinity


class ChartAksbyocni(TypedDict, total=False):
    enabled: bool


class ChartAlibabacloud(TypedDict, total=False):
    enabled: bool


class ChartAuthenticationMutualSpireInstallAgentImage(TypedDict, total=False):
    digest: str
    override: str | None
    pullPolicy: str
    repository: str
    tag: str
    useDigest: bool


class ChartAuthenticationMutualSpireInstallAgentServiceAccount(TypedDict, total=False):
    create: bool
    name: str


class ChartAuthenticationMutualSpireInstallAgentTolerationsItem(TypedDict, total=False):
    effect: str
    key: str
    value: str
    operator: str


class ChartAuthenticationMutualSpireInstallAgent(TypedDict, total=False):
    affinity: dict[str, object]
    annotations: dict[str, object]
    image: ChartAuthenticationMutualSpireInstallAgentImage
    labels: dict[str, object]
    nodeSelector: dict[str, object]
    podSecurityContext: dict[str, object]
    priorityClassName: str
    resources: dict[str, object]
    securityContext: dict[str, object]
    serviceAccount: ChartAuthenticationMutualSpireInstallAgentServiceAccount
    skipKubeletVerification: bool
    tolerations: list[ChartAuthenticationMutualSpireInstallAgentTolerationsItem]


class ChartAuthenticationMutualSpireInstallInitImage(TypedDict, total=False):
    digest: str
    override: str | None
    pullPolicy: str
    repository: str
    tag: str
    useDigest: bool


class ChartAuthenticationMutualSpireInstallServerCaSubject(TypedDict, total=False):
    commonName: str
    country: str
    organization: str


class ChartAuthenticationMutualSpireInstallServerCa(TypedDict, total=False):
    keyType: str
    subject: ChartAuthenticationMutualSpireInstallServerCaSubject


class ChartAuthenticationMutualSpireInstallServerDataStorage(TypedDict, total=False):
    accessMode: str
    enabled: bool
    size: str
    storageClass: str | None


class ChartAuthenticationMutualSpireInstallServerImage(TypedDict, total=False):
    digest: str
    override: str | None
    pullPolicy: str
    repository: str
    tag: str
    useDigest: bool


class ChartAuthenticationMutualSpireInstallServerService(TypedDict, total=False):
    annotations: dict[str, object]
    labels: dict[str, object]
    type: str


class ChartAuthenticationMutualSpireInstallServerServiceAccount(TypedDict, total=False):
    create: bool
    name: str


class ChartAuthenticationMutualSpireInstallServer(TypedDict, total=False):
    affinity: dict[str, object]
    annotations: dict[str, object]
    ca: ChartAuthenticationMutualSpireInstallServerCa
    dataStorage: ChartAuthenticationMutualSpireInstallServerDataStorage
    image: ChartAuthenticationMutualSpireInstallServerImage
    initContainers: list[object]
    labels: dict[str, object]
    nodeSelector: dict[str, object]
    podSecurityContext: dict[str, object]
    priorityClassName: str
    resources: dict[str, object]
    securityContext: dict[str, object]
    service: ChartAuthenticationMutualSpireInstallServerService
    serviceAccount: ChartAuthenticationMutualSpireInstallServerServiceAccount
    tolerations: list[object]


class ChartAuthenticationMutualSpireInstall(TypedDict, total=False):
    agent: ChartAuthenticationMutualSpireInstallAgent
    enabled: bool
    existingNamespace: bool
    initImage: ChartAuthenticationMutualSpireInstallInitImage
    namespace: str
    server: ChartAuthenticationMutualSpireInstallServer


class ChartAuthenticationMutualSpire(TypedDict, total=False):
    adminSocketPath: str
    agentSocketPath: str
    annotations: dict[str, object]
    connectionTimeout: str
    enabled: bool
    install: ChartAuthenticationMutualSpireInstall
    serverAddress: str | None
    trustDomain: str


class ChartAuthenticationMutual(TypedDict, total=False):
    connectTimeout: str
    port: int
    spire: ChartAuthenticationMutualSpire


class ChartAuthentication(TypedDict, total=False):
    enabled: bool
    gcInterval: str
    mutual: ChartAuthenticationMutual
    queueSize: int
    rotatedIdentitiesQueueSize: int


class ChartAzure(TypedDict, total=False):
    enabled: bool


class ChartBandwidthManager(TypedDict, total=False):
    bbr: bool
    enabled: bool


class ChartBgpControlPlaneSecretsNamespace(TypedDict, total=False):
    create: bool
    name: str


class ChartBgpControlPlaneStatusReport(TypedDict, total=False):
    enabled: bool


class ChartBgpControlPlane(TypedDict, total=False):
    enabled: bool
    secretsNamespace: ChartBgpControlPlaneSecretsNamespace
    statusReport: ChartBgpControlPlaneStatusReport


class ChartBpfAutoMount(TypedDict, total=False):
    enabled: bool


class ChartBpfDistributedLRU(TypedDict, total=False):
    enabled: bool


class ChartBpfEventsDefault(TypedDict, total=False):
    burstLimit: None
    rateLimit: None


class ChartBpfEventsDrop(TypedDict, total=False):
    enabled: bool


class ChartBpfEventsPolicyVerdict(TypedDict, total=False):
    enabled: bool


class ChartBpfEventsTrace(TypedDict, total=False):
    enabled: bool


class ChartBpfEvents(TypedDict, total=False):
    default: ChartBpfEventsDefault
    drop: ChartBpfEventsDrop
    policyVerdict: ChartBpfEventsPolicyVerdict
    trace: ChartBpfEventsTrace


class ChartBpf(TypedDict, total=False):
    authMapMax: int | None
    autoMount: ChartBpfAutoMount
    ctAccounting: bool
    ctAnyMax: int | None
    ctTcpMax: int | None
    datapathMode: str
    disableExternalIPMitigation: bool
    distributedLRU: ChartBpfDistributedLRU
    enableTCX: bool
    events: ChartBpfEvents
    hostLegacyRouting: bool | None
    lbAlgorithmAnnotation: bool
    lbExternalClusterIP: bool
    lbMapMax: int | None
    lbModeAnnotation: bool
    lbSourceRangeAllTypes: bool
    mapDynamicSizeRatio: float | str | None
    masquerade: bool | None
    monitorAggregation: str
    monitorFlags: str
    monitorInterval: str
    natMax: int | None
    neighMax: int | None
    nodeMapMax: int | None
    policyMapMax: int | None
    preallocateMaps: bool
    root: str
    tproxy: bool | None
    vlanBypass: list[object] | None


class ChartCertgenAnnotations(TypedDict, total=False):
    cronJob: dict[str, object]
    job: dict[str, object]


class ChartCertgenImage(TypedDict, total=False):
    digest: str
    override: str | None
    pullPolicy: str
    repository: str
    tag: str
    useDigest: bool


class ChartCertgen(TypedDict, total=False):
    affinity: dict[str, object]
    annotations: ChartCertgenAnnotations
    extraVolumeMounts: list[object]
    extraVolumes: list[object]
    generateCA: bool
    image: ChartCertgenImage
    nodeSelector: dict[str, object]
    podLabels: dict[str, object]
    priorityClassName: str
    tolerations: list[object]
    ttlSecondsAfterFinished: int


class ChartCgroupAutoMount(TypedDict, total=False):
    enabled: bool
    resources: dict[str, object]


class ChartCgroup(TypedDict, total=False):
    autoMount: ChartCgroupAutoMount
    hostRoot: str


class ChartCiliumEndpointSliceRateLimitsItem(TypedDict, total=False):
    burst: int
    limit: int
    nodes: int


class ChartCiliumEndpointSlice(TypedDict, total=False):
    enabled: bool
    rateLimits: list[ChartCiliumEndpointSliceRateLimitsItem]
    sliceMode: Literal["identity", "fcfs"]


class ChartCluster(TypedDict, total=False):
    id: int
    name: str


ChartClustermeshApiserverAffinityPodAntiAffinityPreferredDuringSchedulingIgnoredDuringExecutionItemPodAffinityTermLabelSelectorMatchLabels = TypedDict(
    "ChartClustermeshApiserverAffinityPodAntiAffinityPreferredDuringSchedulingIgnoredDuringExecutionItemPodAffinityTermLabelSelectorMatchLabels",
    {
        "k8s-app": str,
    },
    total=False,
)


class ChartClustermeshApiserverAffinityPodAntiAffinityPreferredDuringSchedulingIgnoredDuringExecutionItemPodAffinityTermLabelSelector(TypedDict, total=False):
    matchLabels: ChartClustermeshApiserverAffinityPodAntiAffinityPreferredDuringSchedulingIgnoredDuringExecutionItemPodAffinityTermLabelSelectorMatchLabels


class ChartClustermeshApiserverAffinityPodAntiAffinityPreferredDuringSchedulingIgnoredDuringExecutionItemPodAffinityTerm(TypedDict, total=False):
    labelSelector: ChartClustermeshApiserverAffinityPodAntiAffinityPreferredDuringSchedulingIgnoredDuringExecutionItemPodAffinityTermLabelSelector
    topologyKey: str


class ChartClustermeshApiserverAffinityPodAntiAffinityPreferredDuringSchedulingIgnoredDuringExecutionItem(TypedDict, total=False):
    podAffinityTerm: ChartClustermeshApiserverAffinityPodAntiAffinityPreferredDuringSchedulingIgnoredDuringExecutionItemPodAffinityTerm
    weight: int


class ChartClustermeshApiserverAffinityPodAntiAffinity(TypedDict, total=False):
    preferredDuringSchedulingIgnoredDuringExecution: list[ChartClustermeshApiserverAffinityPodAntiAffinityPreferredDuringSchedulingIgnoredDuringExecutionItem]


class ChartClustermeshApiserverAffinity(TypedDict, total=False):
    podAntiAffinity: ChartClustermeshApiserverAffinityPodAntiAffinity


class ChartClustermeshApiserverEtcdInit(TypedDict, total=False):
    extraArgs: list[object]
    extraEnv: list[object]
    resources: dict[str, object]


class ChartClustermeshApiserverEtcdSecurityContextCapabilities(TypedDict, total=False):
    drop: list[str]


class ChartClustermeshApiserverEtcdSecurityContext(TypedDict, total=False):
    allowPrivilegeEscalation: bool
    capabilities: ChartClustermeshApiserverEtcdSecurityContextCapabilities


class ChartClustermeshApiserverEtcd(TypedDict, total=False):
    init: ChartClustermeshApiserverEtcdInit
    lifecycle: dict[str, object]
    resources: dict[str, object]
    securityContext: ChartClustermeshApiserverEtcdSecurityContext
    storageMedium: Literal["Disk", "Memory"]


class ChartClustermeshApiserverImage(TypedDict, total=False):
    digest: str
    override: str | None
    pullPolicy: str
    repository: str
    tag: str
    useDigest: bool


class ChartClustermeshApiserverKvstoremeshSecurityContextCapabilities(TypedDict, total=False):
    drop: list[str]


class ChartClustermeshApiserverKvstoremeshSecurityContext(TypedDict, total=False):
    allowPrivilegeEscalation: bool
    capabilities: ChartClustermeshApiserverKvstoremeshSecurityContextCapabilities


class ChartClustermeshApiserverKvstoremesh(TypedDict, total=False):
    enabled: bool
    extraArgs: list[object]
    extraEnv: list[object]
    extraVolumeMounts: list[object]
    healthPort: int
    lifecycle: dict[str, object]
    readinessProbe: dict[str, object]
    resources: dict[str, object]
    securityContext: ChartClustermeshApiserverKvstoremeshSecurityContext


class ChartClustermeshApiserverMetricsEtcd(TypedDict, total=False):
    enabled: bool
    mode: str
    port: int


class ChartClustermeshApiserverMetricsKvstoremesh(TypedDict, total=False):
    enabled: bool
    port: int


class ChartClustermeshApiserverMetricsServiceMonitorEtcd(TypedDict, total=False):
    interval: str
    metricRelabelings: list[object] | None
    relabelings: list[object] | None


class ChartClustermeshApiserverMetricsServiceMonitorKvstoremesh(TypedDict, total=False):
    interval: str
    metricRelabelings: list[object] | None
    relabelings: list[object] | None


class ChartClustermeshApiserverMetricsServiceMonitor(TypedDict, total=False):
    annotations: dict[str, object]
    enabled: bool
    etcd: ChartClustermeshApiserverMetricsServiceMonitorEtcd
    interval: str
    kvstoremesh: ChartClustermeshApiserverMetricsServiceMonitorKvstoremesh
    labels: dict[str, object]
    metricRelabelings: list[object] | None
    namespace: str
    relabelings: list[object] | None


class ChartClustermeshApiserverMetrics(TypedDict, total=False):
    enabled: bool
    etcd: ChartClustermeshApiserverMetricsEtcd
    kvstoremesh: ChartClustermeshApiserverMetricsKvstoremesh
    port: int
    serviceMonitor: ChartClustermeshApiserverMetricsServiceMonitor


ChartClustermeshApiserverNodeSelector = TypedDict(
    "ChartClustermeshApiserverNodeSelector",
    {
        "kubernetes.io/os": str,
    },
    total=False,
)


class ChartClustermeshApiserverPodDisruptionBudget(TypedDict, total=False):
    enabled: bool
    maxUnavailable: int | str | None
    minAvailable: int | str | None


class ChartClustermeshApiserverPodSecurityContext(TypedDict, total=False):
    fsGroup: int
    runAsGroup: int
    runAsNonRoot: bool
    runAsUser: int


class ChartClustermeshApiserverSecurityContextCapabilities(TypedDict, total=False):
    drop: list[str]


class ChartClustermeshApiserverSecurityContext(TypedDict, total=False):
    allowPrivilegeEscalation: bool
    capabilities: ChartClustermeshApiserverSecurityContextCapabilities


class ChartClustermeshApiserverService(TypedDict, total=False):
    annotations: dict[str, object]
    enableSessionAffinity: Literal["HAOnly", "Always", "Never"]
    externalTrafficPolicy: Literal["Local", "Cluster"]
    internalTrafficPolicy: Literal["Local", "Cluster"]
    labels: dict[str, object]
    loadBalancerClass: str | None
    loadBalancerIP: str | None
    loadBalancerSourceRanges: list[object]
    nodePort: int
    type: str


class ChartClustermeshApiserverTlsAdmin(TypedDict, total=False):
    cert: str
    key: str


class ChartClustermeshApiserverTlsAuto(TypedDict, total=False):
    certManagerIssuerRef: dict[str, object]
    certValidityDuration: int
    enabled: bool
    method: str
    schedule: str


class ChartClustermeshApiserverTlsClient(TypedDict, total=False):
    cert: str
    key: str


class ChartClustermeshApiserverTlsRemote(TypedDict, total=False):
    cert: str
    key: str


class ChartClustermeshApiserverTlsServer(TypedDict, total=False):
    cert: str
    extraDnsNames: list[object]
    extraIpAddresses: list[object]
    key: str


class ChartClustermeshApiserverTls(TypedDict, total=False):
    admin: ChartClustermeshApiserverTlsAdmin
    authMode: str
    auto: ChartClustermeshApiserverTlsAuto
    client: ChartClustermeshApiserverTlsClient
    enableSecrets: bool
    remote: ChartClustermeshApiserverTlsRemote
    server: ChartClustermeshApiserverTlsServer


class ChartClustermeshApiserverUpdateStrategyRollingUpdate(TypedDict, total=False):
    maxSurge: int | str
    maxUnavailable: int | str


class ChartClustermeshApiserverUpdateStrategy(TypedDict, total=False):
    rollingUpdate: ChartClustermeshApiserverUpdateStrategyRollingUpdate
    type: str


class ChartClustermeshApiserver(TypedDict, total=False):
    affinity: ChartClustermeshApiserverAffinity
    etcd: ChartClustermeshApiserverEtcd
    extraArgs: list[object]
    extraEnv: list[object]
    extraVolumeMounts: list[object]
    extraVolumes: list[object]
    healthPort: int
    image: ChartClustermeshApiserverImage
    kvstoremesh: ChartClustermeshApiserverKvstoremesh
    lifecycle: dict[str, object]
    metrics: ChartClustermeshApiserverMetrics
    nodeSelector: ChartClustermeshApiserverNodeSelector
    podAnnotations: dict[str, object]
    podDisruptionBudget: ChartClustermeshApiserverPodDisruptionBudget
    podLabels: dict[str, object]
    podSecurityContext: ChartClustermeshApiserverPodSecurityContext
    priorityClassName: str
    readinessProbe: dict[str, object]
    replicas: int
    resources: dict[str, object]
    securityContext: ChartClustermeshApiserverSecurityContext
    service: ChartClustermeshApiserverService
    terminationGracePeriodSeconds: int
    tls: ChartClustermeshApiserverTls
    tolerations: list[object]
    topologySpreadConstraints: list[object]
    updateStrategy: ChartClustermeshApiserverUpdateStrategy


class ChartClustermeshConfig(TypedDict, total=False):
    clusters: list[object]
    domain: str
    enabled: bool


class ChartClustermesh(TypedDict, total=False):
    annotations: dict[str, object]
    apiserver: ChartClustermeshApiserver
    config: ChartClustermeshConfig
    enableEndpointSliceSynchronization: bool
    enableMCSAPISupport: bool
    maxConnectedClusters: int
    useAPIServer: bool


class ChartCniResourcesRequests(TypedDict, total=False):
    cpu: str
    memory: str


class ChartCniResources(TypedDict, total=False):
    requests: ChartCniResourcesRequests


class ChartCni(TypedDict, total=False):
    binPath: str
    chainingMode: str | None
    chainingTarget: str | None
    confFileMountPath: str
    confPath: str
    configMap: str
    configMapKey: str
    customConf: bool
    enableRouteMTUForCNIChaining: bool
    exclusive: bool
    externalRouting: bool
    hostConfDirMountPath: str
    install: bool
    logFile: str
    readCniConf: str
    resources: ChartCniResources
    uninstall: bool


class ChartCustomCalls(TypedDict, total=False):
    enabled: bool


class ChartDaemon(TypedDict, total=False):
    allowedConfigOverrides: str | None
    blockedConfigOverrides: str | None
    configSources: str | None
    enableSourceIPVerification: bool | None
    runPath: str


class ChartDashboards(TypedDict, total=False):
    annotations: dict[str, object]
    enabled: bool
    label: str
    labelValue: str
    namespace: str | None


class ChartDebug(TypedDict, total=False):
    enabled: bool
    verbose: str | None


class ChartDnsProxy(TypedDict, total=False):
    dnsRejectResponseCode: str
    enableDnsCompression: bool
    enableTransparentMode: bool
    endpointMaxIpPerHostname: int
    idleConnectionGracePeriod: str
    maxDeferredConnectionDeletes: int
    minTtl: int
    preCache: str
    proxyPort: int
    proxyResponseMaxDelay: str
    socketLingerTimeout: int


class ChartEgressGateway(TypedDict, total=False):
    enabled: bool
    maxPolicyEntries: int
    reconciliationTriggerInterval: str


class ChartEncryptionIpsec(TypedDict, total=False):
    encryptedOverlay: bool
    interface: str
    keyFile: str
    keyRotationDuration: str
    keyWatcher: bool
    mountPath: str
    secretName: str


class ChartEncryptionStrictMode(TypedDict, total=False):
    allowRemoteNodeIdentities: bool
    cidr: str
    enabled: bool


class ChartEncryptionWireguard(TypedDict, total=False):
    persistentKeepalive: str


class ChartEncryption(TypedDict, total=False):
    enabled: bool
    ipsec: ChartEncryptionIpsec
    nodeEncryption: bool
    strictMode: ChartEncryptionStrictMode
    type: str
    wireguard: ChartEncryptionWireguard


class ChartEndpointHealthChecking(TypedDict, total=False):
    enabled: bool


class ChartEndpointRoutes(TypedDict, total=False):
    enabled: bool


class ChartEni(TypedDict, total=False):
    awsEnablePrefixDelegation: bool
    awsReleaseExcessIPs: bool
    ec2APIEndpoint: str
    enabled: bool
    eniTags: dict[str, object]
    gcInterval: str
    gcTags: dict[str, object]
    iamRole: str
    instanceTagsFilter: list[object]
    subnetIDsFilter: list[object]
    subnetTagsFilter: list[object]
    updateEC2AdapterLimitViaAPI: bool


class ChartEnvoyAffinityNodeAffinityRequiredDuringSchedulingIgnoredDuringExecutionNodeSelectorTermsItemMatchExpressionsItem(TypedDict, total=False):
    key: str
    operator: str
    values: list[str]


class ChartEnvoyAffinityNodeAffinityRequiredDuringSchedulingIgnoredDuringExecutionNodeSelectorTermsItem(TypedDict, total=False):
    matchExpressions: list[ChartEnvoyAffinityNodeAffinityRequiredDuringSchedulingIgnoredDuringExecutionNodeSelectorTermsItemMatchExpressionsItem]


class ChartEnvoyAffinityNodeAffinityRequiredDuringSchedulingIgnoredDuringExecution(TypedDict, total=False):
    nodeSelectorTerms: list[ChartEnvoyAffinityNodeAffinityRequiredDuringSchedulingIgnoredDuringExecutionNodeSelectorTermsItem]


class ChartEnvoyAffinityNodeAffinity(TypedDict, total=False):
    requiredDuringSchedulingIgnoredDuringExecution: ChartEnvoyAffinityNodeAffinityRequiredDuringSchedulingIgnoredDuringExecution


ChartEnvoyAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels = TypedDict(
    "ChartEnvoyAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels",
    {
        "k8s-app": str,
    },
    total=False,
)


class ChartEnvoyAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelector(TypedDict, total=False):
    matchLabels: ChartEnvoyAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels


class ChartEnvoyAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItem(TypedDict, total=False):
    labelSelector: ChartEnvoyAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelector
    topologyKey: str


class ChartEnvoyAffinityPodAffinity(TypedDict, total=False):
    requiredDuringSchedulingIgnoredDuringExecution: list[ChartEnvoyAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItem]


ChartEnvoyAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels = TypedDict(
    "ChartEnvoyAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels",
    {
        "k8s-app": str,
    },
    total=False,
)


class ChartEnvoyAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelector(TypedDict, total=False):
    matchLabels: ChartEnvoyAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels


class ChartEnvoyAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItem(TypedDict, total=False):
    labelSelector: ChartEnvoyAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelector
    topologyKey: str


class ChartEnvoyAffinityPodAntiAffinity(TypedDict, total=False):
    requiredDuringSchedulingIgnoredDuringExecution: list[ChartEnvoyAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItem]


class ChartEnvoyAffinity(TypedDict, total=False):
    nodeAffinity: ChartEnvoyAffinityNodeAffinity
    podAffinity: ChartEnvoyAffinityPodAffinity
    podAntiAffinity: ChartEnvoyAffinityPodAntiAffinity


class ChartEnvoyDebugAdmin(TypedDict, total=False):
    enabled: bool
    port: int


class ChartEnvoyDebug(TypedDict, total=False):
    admin: ChartEnvoyDebugAdmin


class ChartEnvoyImage(TypedDict, total=False):
    digest: str
    override: str | None
    pullPolicy: str
    repository: str
    tag: str
    useDigest: bool


class ChartEnvoyLivenessProbe(TypedDict, total=False):
    failureThreshold: int
    periodSeconds: int


class ChartEnvoyLog(TypedDict, total=False):
    accessLogBufferSize: int | None
    defaultLevel: Literal["trace", "debug", "info", "warning", "error", "critical", "off"] | None
    format: str | None
    format_json: dict[str, object] | None
    path: str


ChartEnvoyNodeSelector = TypedDict(
    "ChartEnvoyNodeSelector",
    {
        "kubernetes.io/os": str,
    },
    total=False,
)


class ChartEnvoyPodSecurityContextAppArmorProfile(TypedDict, total=False):
    type: str


class ChartEnvoyPodSecurityContext(TypedDict, total=False):
    appArmorProfile: ChartEnvoyPodSecurityContextAppArmorProfile


class ChartEnvoyPrometheusServiceMonitorRelabelingsItem(TypedDict, total=False):
    replacement: str
    sourceLabels: list[str]
    targetLabel: str


class ChartEnvoyPrometheusServiceMonitor(TypedDict, total=False):
    annotations: dict[str, object]
    enabled: bool
    interval: str
    labels: dict[str, object]
    metricRelabelings: list[object] | None
    namespace: str
    relabelings: list[ChartEnvoyPrometheusServiceMonitorRelabelingsItem]


class ChartEnvoyPrometheus(TypedDict, total=False):
    enabled: bool
    port: str
    serviceMonitor: ChartEnvoyPrometheusServiceMonitor


class ChartEnvoyReadinessProbe(TypedDict, total=False):
    failureThreshold: int
    periodSeconds: int


class ChartEnvoySecurityContextCapabilities(TypedDict, total=False):
    envoy: list[str]
    keepCapNetBindService: bool


class ChartEnvoySecurityContextSeLinuxOptions(TypedDict, total=False):
    level: str
    type: str


class ChartEnvoySecurityContext(TypedDict, total=False):
    capabilities: ChartEnvoySecurityContextCapabilities
    privileged: bool
    seLinuxOptions: ChartEnvoySecurityContextSeLinuxOptions


class ChartEnvoyStartupProbe(TypedDict, total=False):
    failureThreshold: int
    periodSeconds: int


class ChartEnvoyTolerationsItem(TypedDict, total=False):
    operator: str


class ChartEnvoyUpdateStrategyRollingUpdate(TypedDict, total=False):
    maxUnavailable: int | str


class ChartEnvoyUpdateStrategy(TypedDict, total=False):
    rollingUpdate: ChartEnvoyUpdateStrategyRollingUpdate
    type: str


class ChartEnvoy(TypedDict, total=False):
    affinity: ChartEnvoyAffinity
    annotations: dict[str, object]
    baseID: int
    bootstrapConfigMap: str | None
    connectTimeoutSeconds: int
    debug: ChartEnvoyDebug
    dnsPolicy: str | None
    enabled: bool | None
    extraArgs: list[object]
    extraContainers: list[object]
    extraEnv: list[object]
    extraHostPathMounts: list[object]
    extraVolumeMounts: list[object]
    extraVolumes: list[object]
    healthPort: int
    httpRetryCount: int
    idleTimeoutDurationSeconds: int
    image: ChartEnvoyImage
    initialFetchTimeoutSeconds: int
    livenessProbe: ChartEnvoyLivenessProbe
    log: ChartEnvoyLog
    maxConcurrentRetries: int
    maxConnectionDurationSeconds: int
    maxRequestsPerConnection: int
    nodeSelector: ChartEnvoyNodeSelector
    podAnnotations: dict[str, object]
    podLabels: dict[str, object]
    podSecurityContext: ChartEnvoyPodSecurityContext
    policyRestoreTimeoutDuration: str | None
    priorityClassName: str | None
    prometheus: ChartEnvoyPrometheus
    readinessProbe: ChartEnvoyReadinessProbe
    resources: dict[str, object]
    rollOutPods: bool
    securityContext: ChartEnvoySecurityContext
    startupProbe: ChartEnvoyStartupProbe
    terminationGracePeriodSeconds: int
    tolerations: list[ChartEnvoyTolerationsItem]
    updateStrategy: ChartEnvoyUpdateStrategy
    xffNumTrustedHopsL7PolicyEgress: int
    xffNumTrustedHopsL7PolicyIngress: int


class ChartEnvoyConfigSecretsNamespace(TypedDict, total=False):
    create: bool
    name: str


class ChartEnvoyConfig(TypedDict, total=False):
    enabled: bool
    retryInterval: str
    secretsNamespace: ChartEnvoyConfigSecretsNamespace


class ChartEtcd(TypedDict, total=False):
    enabled: bool
    endpoints: list[str]
    ssl: bool


class ChartExternalWorkloads(TypedDict, total=False):
    enabled: bool


class ChartGatewayAPIGatewayClass(TypedDict, total=False):
    create: str


class ChartGatewayAPIHostNetworkNodes(TypedDict, total=False):
    matchLabels: dict[str, object]


class ChartGatewayAPIHostNetwork(TypedDict, total=False):
    enabled: bool
    nodes: ChartGatewayAPIHostNetworkNodes


class ChartGatewayAPISecretsNamespace(TypedDict, total=False):
    create: bool
    name: str
    sync: bool


class ChartGatewayAPI(TypedDict, total=False):
    enableAlpn: bool
    enableAppProtocol: bool
    enableProxyProtocol: bool
    enabled: bool
    externalTrafficPolicy: str
    gatewayClass: ChartGatewayAPIGatewayClass
    hostNetwork: ChartGatewayAPIHostNetwork
    secretsNamespace: ChartGatewayAPISecretsNamespace
    xffNumTrustedHops: int


class ChartGke(TypedDict, total=False):
    enabled: bool


class ChartHighScaleIPcache(TypedDict, total=False):
    enabled: bool


class ChartHostFirewall(TypedDict, total=False):
    enabled: bool


class ChartHostPort(TypedDict, total=False):
    enabled: bool


class ChartHubbleDropEventEmitter(TypedDict, total=False):
    enabled: bool
    interval: str
    reasons: list[str]


class ChartHubbleExportDynamicConfigContentItem(TypedDict, total=False):
    excludeFilters: list[object]
    fieldMask: list[object]
    filePath: str
    includeFilters: list[object]
    name: str


class ChartHubbleExportDynamicConfig(TypedDict, total=False):
    configMapName: str
    content: list[ChartHubbleExportDynamicConfigContentItem]
    createConfigMap: bool


class ChartHubbleExportDynamic(TypedDict, total=False):
    config: ChartHubbleExportDynamicConfig
    enabled: bool


class ChartHubbleExportStatic(TypedDict, total=False):
    allowList: list[object]
    denyList: list[object]
    enabled: bool
    fieldMask: list[object]
    filePath: str


class ChartHubbleExport(TypedDict, total=False):
    dynamic: ChartHubbleExportDynamic
    fileMaxBackups: int
    fileMaxSizeMb: int
    static: ChartHubbleExportStatic


class ChartHubbleMetricsDashboards(TypedDict, total=False):
    annotations: dict[str, object]
    enabled: bool
    label: str
    labelValue: str
    namespace: str | None


class ChartHubbleMetricsDynamicConfig(TypedDict, total=False):
    configMapName: str
    content: list[object]
    createConfigMap: bool


class ChartHubbleMetricsDynamic(TypedDict, total=False):
    config: ChartHubbleMetricsDynamicConfig
    enabled: bool


class ChartHubbleMetricsServiceMonitorRelabelingsItem(TypedDict, total=False):
    replacement: str
    sourceLabels: list[str]
    targetLabel: str


class ChartHubbleMetricsServiceMonitor(TypedDict, total=False):
    annotations: dict[str, object]
    enabled: bool
    interval: str
    jobLabel: str
    labels: dict[str, object]
    metricRelabelings: list[object] | None
    relabelings: list[ChartHubbleMetricsServiceMonitorRelabelingsItem]
    tlsConfig: dict[str, object]


class ChartHubbleMetricsTlsServerMtls(TypedDict, total=False):
    enabled: bool
    key: str
    name: None
    useSecret: bool


class ChartHubbleMetricsTlsServer(TypedDict, total=False):
    cert: str
    existingSecret: str
    extraDnsNames: list[object]
    extraIpAddresses: list[object]
    key: str
    mtls: ChartHubbleMetricsTlsServerMtls


class ChartHubbleMetricsTls(TypedDict, total=False):
    enabled: bool
    server: ChartHubbleMetricsTlsServer


class ChartHubbleMetrics(TypedDict, total=False):
    dashboards: ChartHubbleMetricsDashboards
    dynamic: ChartHubbleMetricsDynamic
    enableOpenMetrics: bool
    enabled: list[str]
    port: int
    serviceAnnotations: dict[str, object]
    serviceMonitor: ChartHubbleMetricsServiceMonitor
    tls: ChartHubbleMetricsTls


class ChartHubblePeerService(TypedDict, total=False):
    clusterDomain: str
    servicePort: int
    targetPort: int


class ChartHubbleRedactHttpHeaders(TypedDict, total=False):
    allow: list[object]
    deny: list[object]


class ChartHubbleRedactHttp(TypedDict, total=False):
    headers: ChartHubbleRedactHttpHeaders
    urlQuery: bool
    userInfo: bool


class ChartHubbleRedactKafka(TypedDict, total=False):
    apiKey: bool


class ChartHubbleRedact(TypedDict, total=False):
    enabled: bool
    http: ChartHubbleRedactHttp
    kafka: ChartHubbleRedactKafka


ChartHubbleRelayAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels = TypedDict(
    "ChartHubbleRelayAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels",
    {
        "k8s-app": str,
    },
    total=False,
)


class ChartHubbleRelayAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelector(TypedDict, total=False):
    matchLabels: ChartHubbleRelayAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels


class ChartHubbleRelayAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItem(TypedDict, total=False):
    labelSelector: ChartHubbleRelayAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelector
    topologyKey: str


class ChartHubbleRelayAffinityPodAffinity(TypedDict, total=False):
    requiredDuringSchedulingIgnoredDuringExecution: list[ChartHubbleRelayAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItem]


class ChartHubbleRelayAffinity(TypedDict, total=False):
    podAffinity: ChartHubbleRelayAffinityPodAffinity


class ChartHubbleRelayGops(TypedDict, total=False):
    enabled: bool
    port: int


class ChartHubbleRelayImage(TypedDict, total=False):
    digest: str
    override: str | None
    pullPolicy: str
    repository: str
    tag: str
    useDigest: bool


ChartHubbleRelayNodeSelector = TypedDict(
    "ChartHubbleRelayNodeSelector",
    {
        "kubernetes.io/os": str,
    },
    total=False,
)


class ChartHubbleRelayPodDisruptionBudget(TypedDict, total=False):
    enabled: bool
    maxUnavailable: int | str | None
    minAvailable: int | str | None


class ChartHubbleRelayPodSecurityContext(TypedDict, total=False):
    fsGroup: int


class ChartHubbleRelayPprof(TypedDict, total=False):
    address: str
    enabled: bool
    port: int


class ChartHubbleRelayPrometheusServiceMonitor(TypedDict, total=False):
    annotations: dict[str, object]
    enabled: bool
    interval: str
    labels: dict[str, object]
    metricRelabelings: list[object] | None
    namespace: str
    relabelings: list[object] | None


class ChartHubbleRelayPrometheus(TypedDict, total=False):
    enabled: bool
    port: int
    serviceMonitor: ChartHubbleRelayPrometheusServiceMonitor


class ChartHubbleRelaySecurityContextCapabilities(TypedDict, total=False):
    drop: list[str]


class ChartHubbleRelaySecurityContext(TypedDict, total=False):
    capabilities: ChartHubbleRelaySecurityContextCapabilities
    runAsGroup: int
    runAsNonRoot: bool
    runAsUser: int


class ChartHubbleRelayService(TypedDict, total=False):
    nodePort: int
    type: str


class ChartHubbleRelayTlsClient(TypedDict, total=False):
    cert: str
    existingSecret: str
    key: str


class ChartHubbleRelayTlsServer(TypedDict, total=False):
    cert: str
    enabled: bool
    existingSecret: str
    extraDnsNames: list[object]
    extraIpAddresses: list[object]
    key: str
    mtls: bool
    relayName: str


class ChartHubbleRelayTls(TypedDict, total=False):
    client: ChartHubbleRelayTlsClient
    server: ChartHubbleRelayTlsServer


class ChartHubbleRelayUpdateStrategyRollingUpdate(TypedDict, total=False):
    maxUnavailable: int | str


class ChartHubbleRelayUpdateStrategy(TypedDict, total=False):
    rollingUpdate: ChartHubbleRelayUpdateStrategyRollingUpdate
    type: str


class ChartHubbleRelay(TypedDict, total=False):
    affinity: ChartHubbleRelayAffinity
    annotations: dict[str, object]
    dialTimeout: str | None
    enabled: bool
    extraEnv: list[object]
    extraVolumeMounts: list[object]
    extraVolumes: list[object]
    gops: ChartHubbleRelayGops
    image: ChartHubbleRelayImage
    listenHost: str
    listenPort: str
    nodeSelector: ChartHubbleRelayNodeSelector
    podAnnotations: dict[str, object]
    podDisruptionBudget: ChartHubbleRelayPodDisruptionBudget
    podLabels: dict[str, object]
    podSecurityContext: ChartHubbleRelayPodSecurityContext
    pprof: ChartHubbleRelayPprof
    priorityClassName: str
    prometheus: ChartHubbleRelayPrometheus
    replicas: int
    resources: dict[str, object]
    retryTimeout: str | None
    rollOutPods: bool
    securityContext: ChartHubbleRelaySecurityContext
    service: ChartHubbleRelayService
    servicePort: int
    sortBufferDrainTimeout: str | None
    sortBufferLenMax: int | None
    terminationGracePeriodSeconds: int
    tls: ChartHubbleRelayTls
    tolerations: list[object]
    topologySpreadConstraints: list[object]
    updateStrategy: ChartHubbleRelayUpdateStrategy


class ChartHubbleTlsAuto(TypedDict, total=False):
    certManagerIssuerRef: dict[str, object]
    certValidityDuration: int
    enabled: bool
    method: str
    schedule: str


class ChartHubbleTlsServer(TypedDict, total=False):
    cert: str
    existingSecret: str
    extraDnsNames: list[object]
    extraIpAddresses: list[object]
    key: str


class ChartHubbleTls(TypedDict, total=False):
    auto: ChartHubbleTlsAuto
    enabled: bool
    server: ChartHubbleTlsServer


class ChartHubbleUiBackendImage(TypedDict, total=False):
    digest: str
    override: str | None
    pullPolicy: str
    repository: str
    tag: str
    useDigest: bool


class ChartHubbleUiBackendLivenessProbe(TypedDict, total=False):
    enabled: bool


class ChartHubbleUiBackendReadinessProbe(TypedDict, total=False):
    enabled: bool


class ChartHubbleUiBackend(TypedDict, total=False):
    extraEnv: list[object]
    extraVolumeMounts: list[object]
    extraVolumes: list[object]
    image: ChartHubbleUiBackendImage
    livenessProbe: ChartHubbleUiBackendLivenessProbe
    readinessProbe: ChartHubbleUiBackendReadinessProbe
    resources: dict[str, object]
    securityContext: dict[str, object]


class ChartHubbleUiFrontendImage(TypedDict, total=False):
    digest: str
    override: str | None
    pullPolicy: str
    repository: str
    tag: str
    useDigest: bool


class ChartHubbleUiFrontendServerIpv6(TypedDict, total=False):
    enabled: bool


class ChartHubbleUiFrontendServer(TypedDict, total=False):
    ipv6: ChartHubbleUiFrontendServerIpv6


class ChartHubbleUiFrontend(TypedDict, total=False):
    extraEnv: list[object]
    extraVolumeMounts: list[object]
    extraVolumes: list[object]
    image: ChartHubbleUiFrontendImage
    resources: dict[str, object]
    securityContext: dict[str, object]
    server: ChartHubbleUiFrontendServer


class ChartHubbleUiIngress(TypedDict, total=False):
    annotations: dict[str, object]
    className: str
    enabled: bool
    hosts: list[str]
    labels: dict[str, object]
    tls: list[object]


ChartHubbleUiNodeSelector = TypedDict(
    "ChartHubbleUiNodeSelector",
    {
        "kubernetes.io/os": str,
    },
    total=False,
)


class ChartHubbleUiPodDisruptionBudget(TypedDict, total=False):
    enabled: bool
    maxUnavailable: int | str | None
    minAvailable: int | str | None


class ChartHubbleUiSecurityContext(TypedDict, total=False):
    fsGroup: int
    runAsGroup: int
    runAsUser: int


class ChartHubbleUiService(TypedDict, total=False):
    annotations: dict[str, object]
    nodePort: int
    type: Literal["ClusterIP", "NodePort"]


class ChartHubbleUiStandaloneTls(TypedDict, total=False):
    certsVolume: dict[str, object]


class ChartHubbleUiStandalone(TypedDict, total=False):
    enabled: bool
    tls: ChartHubbleUiStandaloneTls


class ChartHubbleUiTlsClient(TypedDict, total=False):
    cert: str
    existingSecret: str
    key: str


class ChartHubbleUiTls(TypedDict, total=False):
    client: ChartHubbleUiTlsClient


class ChartHubbleUiUpdateStrategyRollingUpdate(TypedDict, total=False):
    maxUnavailable: int | str


class ChartHubbleUiUpdateStrategy(TypedDict, total=False):
    rollingUpdate: ChartHubbleUiUpdateStrategyRollingUpdate
    type: str


class ChartHubbleUi(TypedDict, total=False):
    affinity: dict[str, object]
    annotations: dict[str, object]
    backend: ChartHubbleUiBackend
    baseUrl: str
    enabled: bool
    frontend: ChartHubbleUiFrontend
    ingress: ChartHubbleUiIngress
    labels: dict[str, object]
    nodeSelector: ChartHubbleUiNodeSelector
    podAnnotations: dict[str, object]
    podDisruptionBudget: ChartHubbleUiPodDisruptionBudget
    podLabels: dict[str, object]
    priorityClassName: str
    replicas: int
    rollOutPods: bool
    securityContext: ChartHubbleUiSecurityContext
    service: ChartHubbleUiService
    standalone: ChartHubbleUiStandalone
    tls: ChartHubbleUiTls
    tolerations: list[object]
    topologySpreadConstraints: list[object]
    updateStrategy: ChartHubbleUiUpdateStrategy


class ChartHubble(TypedDict, total=False):
    annotations: dict[str, object]
    dropEventEmitter: ChartHubbleDropEventEmitter
    enabled: bool
    eventBufferCapacity: int
    eventQueueSize: int
    export: ChartHubbleExport
    listenAddress: str
    metrics: ChartHubbleMetrics
    peerService: ChartHubblePeerService
    preferIpv6: bool
    redact: ChartHubbleRedact
    relay: ChartHubbleRelay
    skipUnknownCGroupIDs: bool | None
    socketPath: str
    tls: ChartHubbleTls
    ui: ChartHubbleUi


class ChartImage(TypedDict, total=False):
    digest: str
    override: str | None
    pullPolicy: str
    repository: str
    tag: str
    useDigest: bool


class ChartIngressControllerHostNetworkNodes(TypedDict, total=False):
    matchLabels: dict[str, object]


class ChartIngressControllerHostNetwork(TypedDict, total=False):
    enabled: bool
    nodes: ChartIngressControllerHostNetworkNodes
    sharedListenerPort: int


class ChartIngressControllerSecretsNamespace(TypedDict, total=False):
    create: bool
    name: str
    sync: bool


class ChartIngressControllerService(TypedDict, total=False):
    allocateLoadBalancerNodePorts: bool | None
    annotations: dict[str, object]
    externalTrafficPolicy: str
    insecureNodePort: int | None
    labels: dict[str, object]
    loadBalancerClass: str | None
    loadBalancerIP: str | None
    name: str
    secureNodePort: int | None
    type: str


class ChartIngressController(TypedDict, total=False):
    default: bool
    defaultSecretName: str | None
    defaultSecretNamespace: str | None
    enableProxyProtocol: bool
    enabled: bool
    enforceHttps: bool
    hostNetwork: ChartIngressControllerHostNetwork
    ingressLBAnnotationPrefixes: list[str]
    loadbalancerMode: str
    secretsNamespace: ChartIngressControllerSecretsNamespace
    service: ChartIngressControllerService


class ChartIpMasqAgent(TypedDict, total=False):
    enabled: bool


class ChartIpamOperator(TypedDict, total=False):
    autoCreateCiliumPodIPPools: dict[str, object]
    clusterPoolIPv4MaskSize: int
    clusterPoolIPv4PodCIDRList: list[str]
    clusterPoolIPv6MaskSize: int
    clusterPoolIPv6PodCIDRList: list[str] | str
    externalAPILimitBurstSize: int | None
    externalAPILimitQPS: float | None


class ChartIpam(TypedDict, total=False):
    ciliumNodeUpdateRate: str
    installUplinkRoutesForDelegatedIPAM: bool
    mode: Literal["kubernetes", "cluster-pool", "multi-pool"]
    multiPoolPreAllocation: str
    operator: ChartIpamOperator


class ChartIpv4(TypedDict, total=False):
    enabled: bool


class ChartIpv6(TypedDict, total=False):
    enabled: bool


class ChartK8s(TypedDict, total=False):
    requireIPv4PodCIDR: bool
    requireIPv6PodCIDR: bool
    serviceProxyName: str


class ChartK8sClientRateLimitOperator(TypedDict, total=False):
    burst: int | None
    qps: int | None


class ChartK8sClientRateLimit(TypedDict, total=False):
    burst: int | None
    operator: ChartK8sClientRateLimitOperator
    qps: int | None


class ChartK8sNetworkPolicy(TypedDict, total=False):
    enabled: bool


class ChartL2NeighDiscovery(TypedDict, total=False):
    enabled: bool
    refreshPeriod: str


class ChartL2announcements(TypedDict, total=False):
    enabled: bool
    leaseDuration: str
    leaseRenewDeadline: str
    leaseRetryPeriod: str


class ChartL2podAnnouncements(TypedDict, total=False):
    enabled: bool
    interface: str


class ChartLivenessProbe(TypedDict, total=False):
    failureThreshold: int
    periodSeconds: int
    requireK8sConnectivity: bool


class ChartLoadBalancerL7(TypedDict, total=False):
    algorithm: str
    backend: str
    ports: list[object]


class ChartLoadBalancerProtocolDifferentiation(TypedDict, total=False):
    enabled: bool


class ChartLoadBalancer(TypedDict, total=False):
    acceleration: str
    algorithm: str
    dsrDispatch: str
    experimental: bool
    l7: ChartLoadBalancerL7
    mode: str
    protocolDifferentiation: ChartLoadBalancerProtocolDifferentiation
    serviceTopology: bool
    standalone: bool


class ChartMonitor(TypedDict, total=False):
    enabled: bool
    eventTypes: list[str]
    resources: dict[str, object]


class ChartNat(TypedDict, total=False):
    mapStatsEntries: int
    mapStatsInterval: str


class ChartNat46x64Gateway(TypedDict, total=False):
    enabled: bool


class ChartNodeIPAM(TypedDict, total=False):
    enabled: bool


class ChartNodePort(TypedDict, total=False):
    addresses: str | list[object] | None
    autoProtectPortRange: bool
    bindProtection: bool
    directRoutingDevice: str
    enableHealthCheck: bool
    enableHealthCheckLoadBalancerIP: bool
    enabled: bool


ChartNodeSelector = TypedDict(
    "ChartNodeSelector",
    {
        "kubernetes.io/os": str,
    },
    total=False,
)


class ChartNodeinitImage(TypedDict, total=False):
    digest: str
    override: str | None
    pullPolicy: str
    repository: str
    tag: str
    useDigest: bool


ChartNodeinitNodeSelector = TypedDict(
    "ChartNodeinitNodeSelector",
    {
        "kubernetes.io/os": str,
    },
    total=False,
)


class ChartNodeinitPodSecurityContextAppArmorProfile(TypedDict, total=False):
    type: str


class ChartNodeinitPodSecurityContext(TypedDict, total=False):
    appArmorProfile: ChartNodeinitPodSecurityContextAppArmorProfile


class ChartNodeinitPrestop(TypedDict, total=False):
    postScript: str
    preScript: str


class ChartNodeinitResourcesRequests(TypedDict, total=False):
    cpu: str
    memory: str


class ChartNodeinitResources(TypedDict, total=False):
    requests: ChartNodeinitResourcesRequests


class ChartNodeinitSecurityContextCapabilities(TypedDict, total=False):
    add: list[str]


class ChartNodeinitSecurityContextSeLinuxOptions(TypedDict, total=False):
    level: str
    type: str


class ChartNodeinitSecurityContext(TypedDict, total=False):
    capabilities: ChartNodeinitSecurityContextCapabilities
    privileged: bool
    seLinuxOptions: ChartNodeinitSecurityContextSeLinuxOptions


class ChartNodeinitStartup(TypedDict, total=False):
    postScript: str
    preScript: str


class ChartNodeinitTolerationsItem(TypedDict, total=False):
    operator: str


class ChartNodeinitUpdateStrategy(TypedDict, total=False):
    type: str


class ChartNodeinit(TypedDict, total=False):
    affinity: dict[str, object]
    annotations: dict[str, object]
    bootstrapFile: str
    enabled: bool
    extraEnv: list[object]
    extraVolumeMounts: list[object]
    extraVolumes: list[object]
    image: ChartNodeinitImage
    nodeSelector: ChartNodeinitNodeSelector
    podAnnotations: dict[str, object]
    podLabels: dict[str, object]
    podSecurityContext: ChartNodeinitPodSecurityContext
    prestop: ChartNodeinitPrestop
    priorityClassName: str
    resources: ChartNodeinitResources
    revertReconfigureKubelet: bool
    securityContext: ChartNodeinitSecurityContext
    startup: ChartNodeinitStartup
    tolerations: list[ChartNodeinitTolerationsItem]
    updateStrategy: ChartNodeinitUpdateStrategy


ChartOperatorAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels = TypedDict(
    "ChartOperatorAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels",
    {
        "io.cilium/app": str,
    },
    total=False,
)


class ChartOperatorAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelector(TypedDict, total=False):
    matchLabels: ChartOperatorAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels


class ChartOperatorAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItem(TypedDict, total=False):
    labelSelector: ChartOperatorAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelector
    topologyKey: str


class ChartOperatorAffinityPodAntiAffinity(TypedDict, total=False):
    requiredDuringSchedulingIgnoredDuringExecution: list[ChartOperatorAffinityPodAntiAffinityRequiredDuringSchedulingIgnoredDuringExecutionItem]


class ChartOperatorAffinity(TypedDict, total=False):
    podAntiAffinity: ChartOperatorAffinityPodAntiAffinity


class ChartOperatorDashboards(TypedDict, total=False):
    annotations: dict[str, object]
    enabled: bool
    label: str
    labelValue: str
    namespace: str | None


class ChartOperatorImage(TypedDict, total=False):
    alibabacloudDigest: str
    awsDigest: str
    azureDigest: str
    genericDigest: str
    override: str | None
    pullPolicy: str
    repository: str
    suffix: str
    tag: str
    useDigest: bool


ChartOperatorNodeSelector = TypedDict(
    "ChartOperatorNodeSelector",
    {
        "kubernetes.io/os": str,
    },
    total=False,
)


class ChartOperatorPodDisruptionBudget(TypedDict, total=False):
    enabled: bool
    maxUnavailable: int | str | None
    minAvailable: int | str | None


class ChartOperatorPprof(TypedDict, total=False):
    address: str
    enabled: bool
    port: int


class ChartOperatorPrometheusServiceMonitor(TypedDict, total=False):
    annotations: dict[str, object]
    enabled: bool
    interval: str
    jobLabel: str
    labels: dict[str, object]
    metricRelabelings: list[object] | None
    namespace: str
    relabelings: list[object] | None


class ChartOperatorPrometheus(TypedDict, total=False):
    enabled: bool
    metricsService: bool
    port: int
    serviceMonitor: ChartOperatorPrometheusServiceMonitor


class ChartOperatorTolerationsItem(TypedDict, total=False):
    operator: str


class ChartOperatorUnmanagedPodWatcher(TypedDict, total=False):
    intervalSeconds: int
    restart: bool


class ChartOperatorUpdateStrategyRollingUpdate(TypedDict, total=False):
    maxSurge: int | str
    maxUnavailable: int | str


class ChartOperatorUpdateStrategy(TypedDict, total=False):
    rollingUpdate: ChartOperatorUpdateStrategyRollingUpdate
    type: str


class ChartOperator(TypedDict, total=False):
    affinity: ChartOperatorAffinity
    annotations: dict[str, object]
    dashboards: ChartOperatorDashboards
    dnsPolicy: str
    enabled: bool
    endpointGCInterval: str
    extraArgs: list[object]
    extraEnv: list[object]
    extraHostPathMounts: list[object]
    extraVolumeMounts: list[object]
    extraVolumes: list[object]
    hostNetwork: bool
    identityGCInterval: str
    identityHeartbeatTimeout: str
    image: ChartOperatorImage
    nodeGCInterval: str
    nodeSelector: ChartOperatorNodeSelector
    podAnnotations: dict[str, object]
    podDisruptionBudget: ChartOperatorPodDisruptionBudget
    podLabels: dict[str, object]
    podSecurityContext: dict[str, object]
    pprof: ChartOperatorPprof
    priorityClassName: str
    prometheus: ChartOperatorPrometheus
    removeNodeTaints: bool
    replicas: int
    resources: dict[str, object]
    rollOutPods: bool
    securityContext: dict[str, object]
    setNodeNetworkStatus: bool
    setNodeTaints: bool | None
    skipCRDCreation: bool
    tolerations: list[ChartOperatorTolerationsItem]
    topologySpreadConstraints: list[object]
    unmanagedPodWatcher: ChartOperatorUnmanagedPodWatcher
    updateStrategy: ChartOperatorUpdateStrategy


class ChartPmtuDiscovery(TypedDict, total=False):
    enabled: bool


class ChartPodSecurityContextAppArmorProfile(TypedDict, total=False):
    type: str


class ChartPodSecurityContext(TypedDict, total=False):
    appArmorProfile: ChartPodSecurityContextAppArmorProfile


class ChartPprof(TypedDict, total=False):
    address: str
    enabled: bool
    port: int


ChartPreflightAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels = TypedDict(
    "ChartPreflightAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels",
    {
        "k8s-app": str,
    },
    total=False,
)


class ChartPreflightAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelector(TypedDict, total=False):
    matchLabels: ChartPreflightAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelectorMatchLabels


class ChartPreflightAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItem(TypedDict, total=False):
    labelSelector: ChartPreflightAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItemLabelSelector
    topologyKey: str


class ChartPreflightAffinityPodAffinity(TypedDict, total=False):
    requiredDuringSchedulingIgnoredDuringExecution: list[ChartPreflightAffinityPodAffinityRequiredDuringSchedulingIgnoredDuringExecutionItem]


class ChartPreflightAffinity(TypedDict, total=False):
    podAffinity: ChartPreflightAffinityPodAffinity


class ChartPreflightImage(TypedDict, total=False):
    digest: str
    override: str | None
    pullPolicy: str
    repository: str
    tag: str
    useDigest: bool


ChartPreflightNodeSelector = TypedDict(
    "ChartPreflightNodeSelector",
    {
        "kubernetes.io/os": str,
    },
    total=False,
)


class ChartPreflightPodDisruptionBudget(TypedDict, total=False):
    enabled: bool
    maxUnavailable: int | str | None
    minAvailable: int | str | None


class ChartPreflightReadinessProbe(TypedDict, total=False):
    initialDelaySeconds: int
    periodSeconds: int


class ChartPreflightTolerationsItem(TypedDict, total=False):
    operator: str


class ChartPreflightUpdateStrategy(TypedDict, total=False):
    type: str


class ChartPreflight(TypedDict, total=False):
    affinity: ChartPreflightAffinity
    annotations: dict[str, object]
    enabled: bool
    extraEnv: list[object]
    extraVolumeMounts: list[object]
    extraVolumes: list[object]
    image: ChartPreflightImage
    nodeSelector: ChartPreflightNodeSelector
    podAnnotations: dict[str, object]
    podDisruptionBudget: ChartPreflightPodDisruptionBudget
    podLabels: dict[str, object]
    podSecurityContext: dict[str, object]
    priorityClassName: str
    readinessProbe: ChartPreflightReadinessProbe
    resources: dict[str, object]
    securityContext: dict[str, object]
    terminationGracePeriodSeconds: int
    tofqdnsPreCache: str
    tolerations: list[ChartPreflightTolerationsItem]
    updateStrategy: ChartPreflightUpdateStrategy
    validateCNPs: bool


class ChartPrometheusServiceMonitorRelabelingsItem(TypedDict, total=False):
    replacement: str
    sourceLabels: list[str]
    targetLabel: str


class ChartPrometheusServiceMonitor(TypedDict, total=False):
    annotations: dict[str, object]
    enabled: bool
    interval: str
    jobLabel: str
    labels: dict[str, object]
    metricRelabelings: list[object] | None
    namespace: str
    relabelings: list[ChartPrometheusServiceMonitorRelabelingsItem]
    trustCRDsExist: bool


class ChartPrometheus(TypedDict, total=False):
    controllerGroupMetrics: list[str]
    enabled: bool
    metrics: list[object] | None
    metricsService: bool
    port: int
    serviceMonitor: ChartPrometheusServiceMonitor


class ChartRbac(TypedDict, total=False):
    create: bool


class ChartReadinessProbe(TypedDict, total=False):
    failureThreshold: int
    periodSeconds: int


class ChartResourceQuotasCiliumHard(TypedDict, total=False):
    pods: str


class ChartResourceQuotasCilium(TypedDict, total=False):
    hard: ChartResourceQuotasCiliumHard


class ChartResourceQuotasOperatorHard(TypedDict, total=False):
    pods: str


class ChartResourceQuotasOperator(TypedDict, total=False):
    hard: ChartResourceQuotasOperatorHard


class ChartResourceQuotas(TypedDict, total=False):
    cilium: ChartResourceQuotasCilium
    enabled: bool
    operator: ChartResourceQuotasOperator


class ChartScheduling(TypedDict, total=False):
    mode: Literal["anti-affinity", "kube-scheduler"]


class ChartSctp(TypedDict, total=False):
    enabled: bool


class ChartSecurityContextCapabilities(TypedDict, total=False):
    applySysctlOverwrites: list[str]
    ciliumAgent: list[str]
    cleanCiliumState: list[str]
    mountCgroup: list[str]


class ChartSecurityContextSeLinuxOptions(TypedDict, total=False):
    level: str
    type: str


class ChartSecurityContext(TypedDict, total=False):
    capabilities: ChartSecurityContextCapabilities
    privileged: bool
    seLinuxOptions: ChartSecurityContextSeLinuxOptions


class ChartServiceAccountsCilium(TypedDict, total=False):
    annotations: dict[str, object]
    automount: bool
    create: bool
    name: str


class ChartServiceAccountsClustermeshApiserver(TypedDict, total=False):
    annotations: dict[str, object]
    automount: bool
    create: bool
    name: str


class ChartServiceAccountsClustermeshcertgen(TypedDict, total=False):
    annotations: dict[str, object]
    automount: bool
    create: bool
    name: str


class ChartServiceAccountsEnvoy(TypedDict, total=False):
    annotations: dict[str, object]
    automount: bool
    create: bool
    name: str


class ChartServiceAccountsHubblecertgen(TypedDict, total=False):
    annotations: dict[str, object]
    automount: bool
    create: bool
    name: str


class ChartServiceAccountsNodeinit(TypedDict, total=False):
    annotations: dict[str, object]
    automount: bool
    create: bool
    enabled: bool
    name: str


class ChartServiceAccountsOperator(TypedDict, total=False):
    annotations: dict[str, object]
    automount: bool
    create: bool
    name: str


class ChartServiceAccountsPreflight(TypedDict, total=False):
    annotations: dict[str, object]
    automount: bool
    create: bool
    name: str


class ChartServiceAccountsRelay(TypedDict, total=False):
    annotations: dict[str, object]
    automount: bool
    create: bool
    name: str


class ChartServiceAccountsUi(TypedDict, total=False):
    annotations: dict[str, object]
    automount: bool
    create: bool
    name: str


class ChartServiceAccounts(TypedDict, total=False):
    cilium: ChartServiceAccountsCilium
    clustermeshApiserver: ChartServiceAccountsClustermeshApiserver
    clustermeshcertgen: ChartServiceAccountsClustermeshcertgen
    envoy: ChartServiceAccountsEnvoy
    hubblecertgen: ChartServiceAccountsHubblecertgen
    nodeinit: ChartServiceAccountsNodeinit
    operator: ChartServiceAccountsOperator
    preflight: ChartServiceAccountsPreflight
    relay: ChartServiceAccountsRelay
    ui: ChartServiceAccountsUi


class ChartSocketLB(TypedDict, total=False):
    enabled: bool


class ChartStartupProbe(TypedDict, total=False):
    failureThreshold: int
    periodSeconds: int


class ChartSysctlfix(TypedDict, total=False):
    enabled: bool


class ChartTlsCa(TypedDict, total=False):
    cert: str
    certValidityDuration: int
    key: str


class ChartTlsCaBundle(TypedDict, total=False):
    content: str
    enabled: bool
    key: str
    name: str
    useSecret: bool


class ChartTlsSecretSync(TypedDict, total=False):
    enabled: bool | None


class ChartTlsSecretsNamespace(TypedDict, total=False):
    create: bool
    name: str


class ChartTls(TypedDict, total=False):
    ca: ChartTlsCa
    caBundle: ChartTlsCaBundle
    readSecretsOnlyFromSecretsNamespace: bool | None
    secretSync: ChartTlsSecretSync
    secretsBackend: str | None
    secretsNamespace: ChartTlsSecretsNamespace


class ChartTolerationsItem(TypedDict, total=False):
    operator: str


class ChartUpdateStrategyRollingUpdate(TypedDict, total=False):
    maxUnavailable: int | str


class ChartUpdateStrategy(TypedDict, total=False):
    rollingUpdate: ChartUpdateStrategyRollingUpdate
    type: Literal["RollingUpdate", "OnDelete"]


class ChartVtep(TypedDict, total=False):
    cidr: str
    enabled: bool
    endpoint: str
    mac: str
    mask: str


class ChartWellKnownIdentities(TypedDict, total=False):
    enabled: bool


ChartValues = TypedDict(
    "ChartValues",
    {
        "MTU": int,
        "affinity": ChartAffinity,
        "agent": bool,
        "agentNotReadyTaintKey": str,
        "aksbyocni": ChartAksbyocni,
        "alibabacloud": ChartAlibabacloud,
        "annotateK8sNode": bool,
        "annotations": dict[str, object],
        "apiRateLimit": str | None,
        "authentication": ChartAuthentication,
        "autoDirectNodeRoutes": bool,
        "azure": ChartAzure,
        "bandwidthManager": ChartBandwidthManager,
        "bgpControlPlane": ChartBgpControlPlane,
        "bpf": ChartBpf,
        "bpfClockProbe": bool,
        "certgen": ChartCertgen,
        "cgroup": ChartCgroup,
        "ciliumEndpointSlice": ChartCiliumEndpointSlice,
        "cleanBpfState": bool,
        "cleanState": bool,
        "cluster": ChartCluster,
        "clusterHealthPort": int,
        "clustermesh": ChartClustermesh,
        "cni": ChartCni,
        "commonLabels": dict[str, object] | None,
        "conntrackGCInterval": str,
        "conntrackGCMaxInterval": str,
        "crdWaitTimeout": str,
        "customCalls": ChartCustomCalls,
        "daemon": ChartDaemon,
        "dashboards": ChartDashboards,
        "debug": ChartDebug,
        "defaultLBServiceIPAM": str,
        "devices": str | list[str],
        "directRoutingSkipUnreachable": bool,
        "disableEndpointCRD": bool,
        "disableEnvoyVersionCheck": bool,
        "disableIptablesFeederRules": list[str],
        "dnsPolicy": str,
        "dnsPolicyUnloadOnShutdown": bool,
        "dnsProxy": ChartDnsProxy,
        "egressGateway": ChartEgressGateway,
        "egressMasqueradeInterfaces": str,
        "enableCiliumEndpointSlice": bool,
        "enableCriticalPriorityClass": bool,
        "enableIPv4BIGTCP": bool,
        "enableIPv4Masquerade": bool,
        "enableIPv6BIGTCP": bool,
        "enableIPv6Masquerade": bool,
        "enableIdentityMark": bool,
        "enableInternalTrafficPolicy": bool,
        "enableK8sEndpointSlice": bool,
        "enableK8sTerminatingEndpoint": bool,
        "enableLBIPAM": bool,
        "enableMasqueradeRouteSource": bool,
        "enableNonDefaultDenyPolicies": bool,
        "enableRuntimeDeviceDetection": bool,
        "enableXTSocketFallback": bool,
        "encryption": ChartEncryption,
        "endpointHealthChecking": ChartEndpointHealthChecking,
        "endpointLockdownOnMapOverflow": bool,
        "endpointRoutes": ChartEndpointRoutes,
        "eni": ChartEni,
        "envoy": ChartEnvoy,
        "envoyConfig": ChartEnvoyConfig,
        "etcd": ChartEtcd,
        "externalWorkloads": ChartExternalWorkloads,
        "extraArgs": list[object],
        "extraConfig": dict[str, object],
        "extraContainers": list[object],
        "extraEnv": list[object],
        "extraHostPathMounts": list[object],
        "extraInitContainers": list[object],
        "extraVolumeMounts": list[object],
        "extraVolumes": list[object],
        "forceDeviceDetection": bool,
        "fragmentTracking": bool,
        "gatewayAPI": ChartGatewayAPI,
        "gke": ChartGke,
        "global": dict[str, object],
        "healthCheckICMPFailureThreshold": int,
        "healthChecking": bool,
        "healthPort": int,
        "highScaleIPcache": ChartHighScaleIPcache,
        "hostFirewall": ChartHostFirewall,
        "hostPort": ChartHostPort,
        "hubble": ChartHubble,
        "identityAllocationMode": str,
        "identityChangeGracePeriod": str,
        "image": ChartImage,
        "imagePullSecrets": list[object],
        "ingressController": ChartIngressController,
        "initResources": dict[str, object],
        "installNoConntrackIptablesRules": bool,
        "ipMasqAgent": ChartIpMasqAgent,
        "ipam": ChartIpam,
        "iptablesLockTimeout": str,
        "iptablesRandomFully": bool,
        "ipv4": ChartIpv4,
        "ipv4NativeRoutingCIDR": str,
        "ipv6": ChartIpv6,
        "ipv6NativeRoutingCIDR": str,
        "k8s": ChartK8s,
        "k8sClientRateLimit": ChartK8sClientRateLimit,
        "k8sNetworkPolicy": ChartK8sNetworkPolicy,
        "k8sServiceHost": str,
        "k8sServiceLookupConfigMapName": str | None,
        "k8sServiceLookupNamespace": str | None,
        "k8sServicePort": int,
        "keepDeprecatedLabels": bool,
        "keepDeprecatedProbes": bool,
        "kubeConfigPath": str,
        "kubeProxyReplacement": bool,
        "kubeProxyReplacementHealthzBindAddr": str,
        "l2NeighDiscovery": ChartL2NeighDiscovery,
        "l2announcements": ChartL2announcements,
        "l2podAnnouncements": ChartL2podAnnouncements,
        "l7Proxy": bool,
        "labels": str,
        "livenessProbe": ChartLivenessProbe,
        "loadBalancer": ChartLoadBalancer,
        "localRedirectPolicy": bool,
        "logOptions": dict[str, object],
        "logSystemLoad": bool,
        "maglev": dict[str, object],
        "monitor": ChartMonitor,
        "name": str,
        "namespaceOverride": str | None,
        "nat": ChartNat,
        "nat46x64Gateway": ChartNat46x64Gateway,
        "nodeIPAM": ChartNodeIPAM,
        "nodePort": ChartNodePort,
        "nodeSelector": ChartNodeSelector,
        "nodeSelectorLabels": bool,
        "nodeinit": ChartNodeinit,
        "operator": ChartOperator,
        "pmtuDiscovery": ChartPmtuDiscovery,
        "podAnnotations": dict[str, object],
        "podLabels": dict[str, object],
        "podSecurityContext": ChartPodSecurityContext,
        "policyAuditMode": bool,
        "policyCIDRMatchMode": str | list[object] | None,
        "policyEnforcementMode": str,
        "pprof": ChartPprof,
        "preflight": ChartPreflight,
        "priorityClassName": str,
        "prometheus": ChartPrometheus,
        "rbac": ChartRbac,
        "readinessProbe": ChartReadinessProbe,
        "resourceQuotas": ChartResourceQuotas,
        "resources": dict[str, object],
        "rollOutCiliumPods": bool,
        "routingMode": Literal["native", "tunnel"],
        "scheduling": ChartScheduling,
        "sctp": ChartSctp,
        "securityContext": ChartSecurityContext,
        "serviceAccounts": ChartServiceAccounts,
        "serviceNoBackendResponse": str,
        "sessionAffinity": bool,
        "sleepAfterInit": bool,
        "socketLB": ChartSocketLB,
        "startupProbe": ChartStartupProbe,
        "svcSourceRangeCheck": bool,
        "synchronizeK8sNodes": bool,
        "sysctlfix": ChartSysctlfix,
        "terminationGracePeriodSeconds": int,
        "tls": ChartTls,
        "tolerations": list[ChartTolerationsItem],
        "tunnelPort": int,
        "tunnelProtocol": Literal["vxlan", "geneve"],
        "tunnelSourcePortRange": str,
        "updateStrategy": ChartUpdateStrategy,
        "upgradeCompatibility": str | None,
        "vtep": ChartVtep,
        "waitForKubeProxy": bool,
        "wellKnownIdentities": ChartWellKnownIdentities,
    },
    total=False,
)
