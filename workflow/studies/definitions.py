"""What each study asks, which of its methods are compared, and the values that are shown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ShownValue:
    """A value of the tables: its name in `metrics.json`, {small} and {large} the levels of noise.

    "<name> - <other>" is what a seed's one value has more than its other. `unit` is what the
    figures write at its axis.
    """

    name: str
    head: str
    digits: int
    unit: str = ""


@dataclass(frozen=True)
class Contrast:
    """Two methods of a study that differ in one thing: `method` minus `base` is what it does."""

    method: str
    base: str
    what: str

    @property
    def name(self) -> str:
        """What the difference is called among methods."""
        return f"{self.method} - {self.base}"


@dataclass(frozen=True)
class Study:
    """A preset `study_<name>` and how it is read.

    `figure` is "methods" (a row a method, a panel a value) or "scale" (a contrast over epochs, a
    line a width).
    """

    name: str
    title: str
    question: str
    contrasts: tuple[Contrast, ...]
    figure: str = "methods"

    @property
    def preset(self) -> str:
        """Its preset in params.yaml."""
        return f"study_{self.name}"


CLEAN = "robustness.tsvm.clean"
COLUMNS = (
    ShownValue("reconstruction.sampled.cost", "error, z sampled", 3),
    ShownValue("reconstruction.mean.cost", "error, z mean", 3),
    ShownValue("nll.nll", "IS-NLL", 1, "nats"),
    ShownValue("nll.cross_entropy", "x-entropy", 0, "nats"),
    ShownValue("fid.fid.test", "FID", 1),
    ShownValue("fid.kid.test", "KID", 4),
    ShownValue("fitted.fid.test", "FID, fitted codes", 1),
    ShownValue("fitted.kid.test", "KID, fitted codes", 4),
    ShownValue("encoded.fid.test", "FID, own codes", 1),
    ShownValue("encoded.kid.test", "KID, own codes", 4),
    ShownValue("sharpness.samples.value", "sharpness", 4),
    ShownValue("information.information", "I(x; y) ≥", 2, "nats"),
    ShownValue("information.rate", "rate", 2, "nats"),
    ShownValue("information.divergence", "KL(q(z), p(z)) ≥", 2, "nats"),
    ShownValue("information.mmd", "MMD", 4),
    ShownValue("information.active_units", "active units", 1),
    ShownValue("information.prior_entropy", "h(z)", 2, "nats"),
    ShownValue("response.share.0.2", "share at 0.2", 2),
    ShownValue("response.surprise.0.2", "surprise at 0.2", 2),
    ShownValue(CLEAN, "clean", 1, "%"),
    ShownValue("robustness.tsvm.gaussian_clipped.{large}", "clipped {large}", 1, "%"),
    ShownValue("robustness.tsvm.gaussian.{large}", "not clipped {large}", 1, "%"),
    ShownValue("robustness.tsvm.mask_zero.{large}", "mask {large}", 1, "%"),
    ShownValue(
        f"robustness.tsvm.gaussian_clipped.{{large}} - {CLEAN}", "clipped − clean", 1, "points"
    ),
    ShownValue(f"robustness.tsvm.gaussian.{{large}} - {CLEAN}", "not clipped − clean", 1, "points"),
    ShownValue(f"robustness.tsvm.mask_zero.{{large}} - {CLEAN}", "mask − clean", 1, "points"),
)
# Of these the figures show a panel each, where they were measured.
DRAWN = (
    "reconstruction.mean.cost",
    "nll.nll",
    "fid.fid.test",
    "fid.kid.test",
    "fitted.fid.test",
    "encoded.fid.test",
    "information.information",
    "response.surprise.0.2",
    CLEAN,
    "robustness.tsvm.gaussian_clipped.{large}",
    "robustness.tsvm.gaussian.{large}",
    "robustness.tsvm.mask_zero.{large}",
)

ATTRIBUTION = Study(
    "attribution",
    "Divergence, encoder, cost or normalisation",
    "VIMAE differs from the VAE in its divergence (MMD for KL), its encoder (deterministic) and its"
    " cost (0.05 × squared error for Bernoulli). Which of the three makes the difference? And is it"
    " there without the batch norm that both have?",
    (
        Contrast("vim_stochastic_bernoulli", "vae", "KL → MMD; stochastic, Bernoulli"),
        Contrast("vim_stochastic", "vae_squared_error", "KL → MMD; stochastic, squared error"),
        Contrast("vim_bernoulli", "vim_stochastic_bernoulli", "→ deterministic; MMD, Bernoulli"),
        Contrast("vimae_n", "vim_stochastic", "→ deterministic; MMD, squared error"),
        Contrast("vae_squared_error", "vae", "Bernoulli → squared error; KL, stochastic"),
        Contrast(
            "vim_stochastic",
            "vim_stochastic_bernoulli",
            "Bernoulli → squared error; MMD, stochastic",
        ),
        Contrast("vimae_n", "vim_bernoulli", "Bernoulli → squared error; MMD, deterministic"),
        Contrast("vimae_n", "vae", "all three: VAE → VIMAE-n"),
        Contrast("ae", "vimae_n", "λ 10 → 0: no divergence"),
        Contrast("vae_gaussian", "vae_squared_error", "control: cost × 10; KL, squared error"),
        Contrast("vim_bernoulli_400", "vim_bernoulli", "control: λ 10 → 400; MMD, Bernoulli"),
        Contrast("vimae_n", "vae_gaussian", "VAE (Gaussian, variance 1) → VIMAE-n"),
        # Recorded in single precision, as the control is that it is compared with.
        Contrast("vae_flipped_10", "vae_fp32", "cost of a pixel: no limit → 2.3 nats; in fp32"),
        Contrast(
            "vae_flipped_10",
            "vae_gaussian",
            "Gaussian → Bernoulli, limit 2.3 nats (fp32, not bf16); KL",
        ),
        Contrast("vae_layer_norm", "vae", "batch → layer norm; VAE"),
        Contrast("vimae_n_layer_norm", "vimae_n", "batch → layer norm; VIMAE-n"),
        Contrast("vimae_n_layer_norm", "vae_layer_norm", "all three, with layer norm"),
        Contrast("vae_no_norm", "vae", "batch norm → none; VAE"),
        Contrast("vimae_n_no_norm", "vimae_n", "batch norm → none; VIMAE-n"),
        Contrast("vimae_n_no_norm", "vae_no_norm", "all three, without a norm"),
        Contrast("vim_bernoulli_no_norm", "vae_no_norm", "Bernoulli VAE → VIM, no norm"),
        Contrast("vae_gaussian_no_norm", "vae_no_norm", "Bernoulli → Gaussian; KL, no norm"),
        Contrast(
            "vimae_n_no_norm", "vim_bernoulli_no_norm", "Bernoulli → squared error; MMD, no norm"
        ),
        Contrast("vimae_n_no_norm", "vae_gaussian_no_norm", "Gaussian VAE → VIMAE-n, no norm"),
        Contrast(
            "beta_vae_gaussian_no_norm", "vae_gaussian_no_norm", "β 1 → 0.1; Gaussian, no norm"
        ),
        Contrast("vimae_n_no_norm", "beta_vae_gaussian_no_norm", "β = 0.1 → VIMAE-n, no norm"),
        Contrast("vimae_n_no_norm", "vim_stochastic_no_norm", "→ deterministic; MMD, no norm"),
        Contrast("ae_no_norm", "vimae_n_no_norm", "λ 10 → 0: no divergence, no norm"),
        Contrast("vimae_n_no_norm", "ae_pretrained_no_norm", "λ 0 → 10, no norm"),
        Contrast("vae_fp32", "vae", "control: bf16 → fp32; VAE"),
        Contrast("vimae_n_fp32", "vimae_n", "control: bf16 → fp32; VIMAE-n"),
        Contrast("vimae_n_fp32", "vae_fp32", "all three, in fp32"),
    ),
)
CAPACITY = Study(
    "capacity",
    "Entropy of the prior, size of the code",
    "The paper calls the prior's entropy the capacity of the network. Does it change anything?"
    " Does the number of the code's dimensions?",
    (
        Contrast("vimae_n_scale_05", "vimae_n", "Normal, σ 1 → 0.5"),
        Contrast("vimae_n_scale_2", "vimae_n", "Normal, σ 1 → 2"),
        Contrast("vimae_l", "vimae_n", "Normal → Logistic, equal variance"),
        Contrast("vimae_l_matched", "vimae_l", "Logistic, equal variance → equal entropy"),
        Contrast("vimae_l_s1", "vimae_l", "Logistic, equal variance → s = 1"),
        Contrast("vimae_n_code_4", "vimae_n", "VIMAE-n, d 8 → 4"),
        Contrast("vimae_n_code_16", "vimae_n", "VIMAE-n, d 8 → 16"),
        Contrast("vae_code_4", "vae", "VAE, d 8 → 4"),
        Contrast("vae_code_16", "vae", "VAE, d 8 → 16"),
    ),
)
WEIGHTS = Study(
    "weights",
    "β, λ, pixel noise, a target for the rate",
    "What do the weights of the rate and of the divergence trade? Does the noise matter that the"
    " encoder's images get in training? Can objective (10) be trained to its target of 20 nats?",
    (
        Contrast("beta_vae_01", "vae", "β 1 → 0.1"),
        Contrast("beta_vae_02", "vae", "β 1 → 0.2"),
        Contrast("beta_vae_low", "vae", "β 1 → 0.5"),
        Contrast("beta_vae_high", "vae", "β 1 → 2"),
        Contrast("beta_vae_4", "vae", "β 1 → 4"),
        Contrast("beta_vae_8", "vae", "β 1 → 8"),
        Contrast("vimae_n_lambda_1", "vimae_n", "λ 10 → 1"),
        Contrast("vimae_n_lambda_100", "vimae_n", "λ 10 → 100"),
        Contrast("beta_vae_low_noiseless", "beta_vae_low", "pixel noise 0.01 → 0; β = 0.5"),
        Contrast("vae_noiseless", "vae", "pixel noise 0.01 → 0; β = 1"),
        Contrast("beta_vae_high_noiseless", "beta_vae_high", "pixel noise 0.01 → 0; β = 2"),
        Contrast("rate_target_vae", "vae", "β × rate → distance of the rate to 20"),
    ),
)
WIDTHS = {"w16": "1/16", "w8": "1/8", "w4": "1/4"}
EPOCHS = (10, 20, 40)
SCALE = Study(
    "scale",
    "Width and epochs",
    "Which differences between VAE and VIMAE-n change their sign with the width of the networks and"
    " the length of training, so that a narrow network cannot decide them?",
    tuple(
        Contrast(f"vimae_n_{width}_e{epochs}", f"vae_{width}_e{epochs}", f"{share} × {epochs}")
        for width, share in WIDTHS.items()
        for epochs in EPOCHS
    ),
    figure="scale",
)
PRECISION = Study(
    "precision",
    "Training in bf16 or in single precision",
    "Networks are trained in bf16 where a processor has it. Does that move any value, and VIMAE-n's"
    " lead over the VAE under noise? On seeds that nothing else uses.",
    (
        Contrast("vae_fp32", "vae", "bf16 → fp32; VAE"),
        Contrast("vimae_n_fp32", "vimae_n", "bf16 → fp32; VIMAE-n"),
        Contrast("vimae_n", "vae", "VAE → VIMAE-n, in bf16"),
        Contrast("vimae_n_fp32", "vae_fp32", "VAE → VIMAE-n, in fp32"),
    ),
)
OMNIGLOT = Study(
    "omniglot",
    "Omniglot: cost or objective",
    "On Omniglot VIMAE-n leads the VAE under Gaussian noise on every seed of the record, and is behind"
    " under masks and on clean images. Does that follow the cost, as on MNIST, or the objective?",
    (
        Contrast("vimae_n", "vae", "all three: VAE → VIMAE-n"),
        Contrast("vim_bernoulli", "vae", "VAE → VIM; Bernoulli"),
        Contrast("vimae_n", "beta_vae_gaussian", "β-VAE → VIMAE-n; Gaussian, squared error"),
        Contrast("beta_vae_gaussian", "vae", "Bernoulli → Gaussian, variance 0.1; KL"),
        Contrast("vimae_n", "vim_bernoulli", "Bernoulli → squared error; MMD"),
        Contrast("vim_bernoulli_400", "vim_bernoulli", "control: λ 10 → 400; Bernoulli"),
        Contrast("beta_vae_gaussian_025", "beta_vae_gaussian", "control: β 0.1 → 0.25; Gaussian"),
        Contrast("beta_vae_gaussian_003", "beta_vae_gaussian", "control: β 0.1 → 0.03; Gaussian"),
        Contrast(
            "vae_flipped_10", "beta_vae_gaussian_025", "Gaussian → Bernoulli, limit 2.3 nats; KL"
        ),
        Contrast("vae_flipped_1", "vae", "cost of a pixel: no limit → 4.6 nats"),
        Contrast("vae_flipped_10", "vae", "cost of a pixel: no limit → 2.3 nats"),
        Contrast("vae_flipped_to_white", "vae", "the same of unexpected ink alone"),
        Contrast("vae_flipped_to_black", "vae", "the same of missing ink alone"),
        Contrast("vae_no_norm", "vae", "batch norm → none; VAE"),
        Contrast("vae_flipped_10_no_norm", "vae_no_norm", "no limit → 2.3 nats; no norm"),
    ),
)
# Where every method's cost is a squared error, the weight of the KL divergence is all that the ELBO
# models differ in.
KL_WEIGHT = (
    Contrast("beta_vae_high", "vae", "β 1 → 2"),
    Contrast("beta_vae_low", "vae", "β 1 → 0.5"),
    Contrast("beta_vae_01", "vae", "β 1 → 0.1"),
    Contrast("vimae_n", "beta_vae_01", "β = 0.1 → VIMAE-n"),
    Contrast("vimae_l", "beta_vae_01", "β = 0.1 → VIMAE-l"),
    Contrast("vimae_n", "vae", "VAE → VIMAE-n"),
)
CIFAR10 = Study(
    "cifar10",
    "CIFAR10: weight of the rate or objective",
    "On CIFAR10 every method's cost is a squared error. VIMAE leads in FID, in the error with z sampled"
    " and, by the record's classifier, in accuracy. Is that the weight of the KL divergence, which the"
    " ELBO models have and VIMAE has not, or the objective?",
    KL_WEIGHT,
)
CELEBA = Study(
    "celeba",
    "CelebA: weight of the rate or objective",
    "On CIFAR10 a β-VAE of β = 0.1 has VIMAE's FID and a smaller error. On CelebA FID rises as β falls,"
    " but VIMAE's is below that of β = 0.5. Does a small β do there what VIMAE's objective does?",
    (
        *KL_WEIGHT,
        Contrast("vae_warm", "vae", "warm-up 0 → 100 steps; VAE"),
        Contrast("beta_vae_high_warm", "beta_vae_high", "warm-up 0 → 100 steps; β = 2"),
        Contrast("beta_vae_low_warm", "beta_vae_low", "warm-up 0 → 100 steps; β = 0.5"),
        Contrast("vimae_n", "vae_warm", "VAE with a warm-up → VIMAE-n"),
        Contrast("vimae_n", "vim_stochastic", "→ deterministic; MMD"),
    ),
)
STUDIES = {
    study.name: study
    for study in (ATTRIBUTION, CAPACITY, WEIGHTS, SCALE, PRECISION, OMNIGLOT, CIFAR10, CELEBA)
}
