"""The networks against tolstikhin/wae's layer list and TensorFlow's SAME arithmetic."""

import pytest
import torch
from torch import nn

from models.networks import NORMALISATIONS, AutoEncoder, SameConv, SameTransposedConv
from models.pixels import to_float, to_uint8

# Output shapes (channels, side) of its stride-2 layers, and the parameters counted by hand:
# conv k*k*in*out + out, batch norm 2*out, linear in*out + out.
REFERENCE = {
    (28, 1, 8): {
        "encoder": [(128, 14), (256, 7), (512, 4), (1024, 2)],
        "decoder": [(512, 14), (256, 28), (1, 28)],
        "kernel": 4,
        "base": 7,
    },
    (32, 3, 64): {
        "encoder": [(128, 16), (256, 8), (512, 4), (1024, 2)],
        "decoder": [(512, 16), (256, 32), (3, 32)],
        "kernel": 4,
        "base": 8,
    },
    (64, 3, 64): {
        "encoder": [(128, 32), (256, 16), (512, 8), (1024, 4)],
        "decoder": [(512, 16), (256, 32), (128, 64), (3, 64)],
        "kernel": 5,
        "base": 8,
    },
}


def network(side, channels, latent, stochastic=False, width=1.0, **options):
    value_range = "unit" if channels == 1 else "symmetric"
    options |= {"latent": latent, "stochastic": stochastic, "width": width}
    return AutoEncoder(side, channels, value_range, **options)


@pytest.mark.parametrize(("value_range", "low"), [("unit", 0.0), ("symmetric", -1.0)])
def test_every_grey_comes_back_and_the_range_is_used_whole(value_range, low):
    images = torch.arange(256, dtype=torch.uint8).reshape(2, 8, 8, 2)
    x = to_float(images, value_range)
    assert x.shape == (2, 2, 8, 8) and (x.min(), x.max()) == (low, 1.0)
    assert torch.equal(to_uint8(x, value_range), images)
    beyond = torch.tensor([low - 0.1, 1.1]).reshape(1, 1, 1, 2)
    assert to_uint8(beyond, value_range).flatten().tolist() == [0, 255]


def conv_outputs(module, x):
    """(channels, side) after every convolution of a sequential module."""
    shapes = []
    for layer in module:
        x = layer(x)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            shapes.append((x.shape[1], x.shape[2]))
            assert x.shape[2] == x.shape[3]
    return shapes


@pytest.mark.parametrize("key", REFERENCE, ids=str)
def test_full_network_has_the_reference_layers(key):
    side, channels, latent = key
    expected = REFERENCE[key]
    model = network(side, channels, latent).eval()
    assert conv_outputs(model.encoder, torch.zeros(1, channels, side, side)) == expected["encoder"]
    assert conv_outputs(model.decoder, torch.zeros(1, latent)) == expected["decoder"]

    k2, inputs, count = expected["kernel"] ** 2, channels, 0
    for outputs, _ in expected["encoder"]:
        count += k2 * inputs * outputs + outputs + 2 * outputs
        inputs = outputs
    count += inputs * expected["encoder"][-1][1] ** 2 * latent + latent
    count += latent * 1024 * expected["base"] ** 2 + 1024 * expected["base"] ** 2
    inputs = 1024
    for outputs, _ in expected["decoder"]:
        normed = outputs != channels
        count += k2 * inputs * outputs + outputs + (2 * outputs if normed else 0)
        inputs = outputs
    assert sum(p.numel() for p in model.parameters()) == count


def test_variational_encoder_doubles_the_last_layer():
    assert network(28, 1, 8, stochastic=True).encoder[-1].out_features == 16
    mean, log_variance = network(28, 1, 8, stochastic=True, width=0.02).encode(
        torch.rand(3, 1, 28, 28)
    )
    assert mean.shape == log_variance.shape == (3, 8)
    assert network(28, 1, 8, width=0.02).encode(torch.rand(3, 1, 28, 28))[1] is None


def test_width_scales_every_filter():
    narrow = network(28, 1, 8, width=1 / 16)
    widths = [m.out_channels for m in narrow.modules() if isinstance(m, SameConv)]
    assert widths == [8, 16, 32, 64]


@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize("side", [7, 8, 28])
def test_same_convolution_pads_like_tensorflow(kernel, side):
    """Output (i, j) covers the input window that starts at 2 i - floor(total / 2)."""
    conv = SameConv(1, 1, kernel, side)
    x, out_side = torch.randn(1, 1, side, side), -(-side // 2)
    before = max((out_side - 1) * 2 + kernel - side, 0) // 2
    out = conv(x)
    assert out.shape == (1, 1, out_side, out_side)
    for i, j in [(0, 0), (out_side - 1, out_side - 1), (1, 2)]:
        window = torch.zeros(kernel, kernel)
        for a in range(kernel):
            for b in range(kernel):
                r, c = 2 * i - before + a, 2 * j - before + b
                if 0 <= r < side and 0 <= c < side:
                    window[a, b] = x[0, 0, r, c]
        expected = (window * conv.weight[0, 0]).sum() + conv.bias[0]
        torch.testing.assert_close(out[0, 0, i, j], expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kernel", [4, 5])
def test_transposed_convolution_is_the_gradient_of_the_same_convolution(kernel):
    conv = SameConv(3, 2, kernel, 16)
    transposed = SameTransposedConv(2, 3, kernel, stride=2)
    transposed.weight.data, transposed.bias.data = conv.weight.data, torch.zeros(3)
    x = torch.randn(1, 3, 16, 16, requires_grad=True)
    cotangent = torch.randn(1, 2, 8, 8)
    (gradient,) = torch.autograd.grad(conv(x), x, cotangent)
    torch.testing.assert_close(transposed(cotangent), gradient)


@pytest.mark.parametrize("kernel", [4, 5])
def test_last_layer_keeps_the_side(kernel):
    assert SameTransposedConv(2, 1, kernel, stride=1)(torch.zeros(1, 2, 9, 9)).shape[-1] == 9


def test_initial_weights_are_the_references():
    model = network(28, 1, 8)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            assert not module.bias.any()
            if isinstance(module, nn.Conv2d):
                assert module.weight.abs().max() <= 2 * 0.0099999
    wide = model.decoder[3].weight  # 512 * 1024 * 16 draws: its std is known to 4 digits
    assert wide.std().item() == pytest.approx(0.01, rel=1e-3)


def test_unknown_image_size_is_refused():
    with pytest.raises(ValueError, match="no network for 30 x 30"):
        network(30, 1, 8)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_only_batch_norm_lets_images_see_each_other(normalisation):
    model = network(28, 1, 8, width=1 / 32, init_std=0.1, normalisation=normalisation).double()
    images = torch.rand(6, 1, 28, 28, dtype=torch.float64)
    together, alone = model.encoder(images)[:3], model.encoder(images[:3])
    assert torch.allclose(together, alone, rtol=1e-9) == (normalisation != "batch")
    together, alone = model.decode(together), model.decode(together[:1])
    assert torch.allclose(together[:1], alone, rtol=1e-9) == (normalisation != "batch")


def test_layer_norm_sees_neither_contrast_nor_a_first_layers_offset():
    """Its defining property: (a y + b - mean) / deviation is that of y, but for the constant 1e-5."""
    norm = NORMALISATIONS["layer"](5).double()
    y = torch.randn(2, 5, 7, 7, dtype=torch.float64)
    shifted = norm(0.3 * y + 0.7)
    assert torch.allclose(shifted, norm(y), atol=1e-3)
    expected = (y - y.mean((1, 2, 3), keepdim=True)) / y.std((1, 2, 3), correction=0, keepdim=True)
    assert torch.allclose(norm(y), expected, atol=1e-4)
