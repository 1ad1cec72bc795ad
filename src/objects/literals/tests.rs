//! What CPython says: every expectation is printed by `repr` of CPython 3.11.2.

use super::*;

#[test]
fn floats() {
    let rows = [
        (0x0000000000000000, "0.0"),
        (0x8000000000000000, "-0.0"),
        (0x3ff0000000000000, "1.0"),
        (0xbff8000000000000, "-1.5"),
        (0x3fb999999999999a, "0.1"),
        (0x3fd5555555555555, "0.3333333333333333"),
        (0x4341c37937e08000, "1e+16"),
        (0x430c6bf526340000, "1000000000000000.0"),
        (0x4341c37937e07fff, "9999999999999998.0"),
        (0x419d6f3454000000, "123456789.0"),
        (0x3ee4f8b588e368f1, "1e-05"),
        (0x3f1a36e2eb1c432d, "0.0001"),
        (0x3f202e4b6ce5dc68, "0.00012345"),
        (0x3e8421f5f40d8376, "1.5e-07"),
        (0x0000000000000001, "5e-324"),
        (0x0010000000000000, "2.2250738585072014e-308"),
        (0x7fefffffffffffff, "1.7976931348623157e+308"),
        (0x4480f0cf064dd592, "1e+22"),
        (0x44b52d02c7e14af6, "1e+23"),
        (0x54b249ad2594c37d, "1e+100"),
        (0x4345ee2a2eb5a5c4, "1.2345678901234568e+16"),
        (0x43118b54f22aeb00, "1234567890123456.0"),
        (0x7ff0000000000000, "inf"),
        (0xfff0000000000000, "-inf"),
        (0x7ff8000000000000, "nan"),
        (0x4340000000000000, "9007199254740992.0"),
        (0x4450000000000000, "1.1805916207174113e+21"),
        (0x3fe0000000000000, "0.5"),
        (0x4059000000000000, "100.0"),
        (0xbddb7cdfd9d7bdbb, "-1e-10"),
        (0x4011666666666666, "4.35"),
        (0x444b1ae4d6e2ef50, "1e+21"),
        (0x4164d8399f767c45, "10928588.983213553"),
        (0x5bc8fbbcbde5c099, "1.4186613525849614e+134"),
        (0xb0c11fdecb91ce37, "-7.571968556055867e-74"),
        (0xd76d4330f1446bea, "-1.4074705188261364e+113"),
        (0xa6eb8c9ebd69fe29, "-3.3339745473042614e-121"),
        (0x87b0b125ec1d7da0, "-1.2342180766211395e-271"),
        (0xd7210dff076ce2ef, "-5.126864004244935e+111"),
        (0xc6a5387777330bdb, "-2.1520217579844227e+32"),
        (0x3fc1ea36f17fd374, "0.1399601630397701"),
        (0x0d464138a6233255, "1.01853664031722e-244"),
        (0x2827688de6a16a3b, "2.9704598186234577e-115"),
        (0x5f2dd97f1cfb10f6, "3.0534183338726823e+150"),
        (0xde5271007814e8a2, "-2.3027782228163463e+146"),
        (0x617959ce3f1f65a8, "3.56409621163656e+161"),
        (0x1a1afe878b33e968, "6.352929017207453e-183"),
        (0x3fd4235992edcf45, "0.3146575865605324"),
        (0xbb2edb20035b7399, "-1.2761724801771812e-23"),
        (0x687c966c377b9aa2, "2.0868668176225336e+195"),
        (0x2e9c82b1478c281d, "3.66898827745704e-84"),
        (0xde11cc9dea959c21, "-1.389122273370197e+145"),
        (0x63b229f1c4069545, "1.7548715433165102e+172"),
        (0xc30d8b7628dbd25e, "-1039514241563211.8"),
        (0x126a1e48cc11d357, "5.7804021771411506e-220"),
        (0x9e30691c238642ea, "-2.8497478716107576e-163"),
        (0x71e0c07e9e115e4b, "3.490691392124745e+240"),
        (0x21da8978206f5c66, "1.3282314387596086e-145"),
        (0xf8eb18b900745130, "-2.9317061175715426e+274"),
        (0x015c33b2df1461aa, "4.1124768973349897e-302"),
        (0xc60a3cab359eeefb, "-2.5983853818656714e+29"),
        (0xf5cae3bf3729c619, "-2.5839922981649337e+259"),
        (0x2a759159fb7ff337, "3.7615508677292285e-104"),
        (0x2a9eba0cdf561d80, "2.1435728770450893e-103"),
        (0x504b74ba4a0fe75d, "6.3583676891104784e+78"),
        (0x32ea6928f6236bf2, "2.0062829023357212e-63"),
        (0xe049548e8a0a8c96, "-6.792475937705741e+155"),
        (0xa02fdaa1ad864c44, "-1.1878910286585398e-153"),
        (0x2e81d66d346c6e2b, "1.1477511623364303e-84"),
        (0xf7f35634f0e3cd97, "-6.384685499984821e+269"),
    ];
    for (bits, expected) in rows {
        assert_eq!(float_text(f64::from_bits(bits)), expected, "{bits:#x}");
    }
}

#[test]
fn complex_numbers() {
    let rows = [
        (0.0, 2.0, "2j"),
        (1.0, 2.0, "(1+2j)"),
        (-0.0, -0.0, "(-0-0j)"),
        (0.0, -0.0, "-0j"),
        (0.0, 0.0, "0j"),
        (1.5, -2.0, "(1.5-2j)"),
        (1.0, f64::INFINITY, "(1+infj)"),
        (1.0, f64::NEG_INFINITY, "(1-infj)"),
        (f64::NAN, 0.0, "(nan+0j)"),
        (1.0, f64::NAN, "(1+nanj)"),
        (0.0, f64::NAN, "nanj"),
        (-0.0, 2.0, "(-0+2j)"),
        (1e+16, 1e-05, "(1e+16+1e-05j)"),
        (f64::INFINITY, 0.1, "(inf+0.1j)"),
    ];
    for (real, imaginary, expected) in rows {
        assert_eq!(complex_text(real, imaginary), expected);
    }
}

const STR: Form = Form { prefix: "", ascii: false, always_escape_single: false };
/// 2.7's `repr` of `unicode` is `ascii()` of today.
const UNICODE: Form = Form { prefix: "u", ascii: true, always_escape_single: false };
const BYTES: Form = Form { prefix: "b", ascii: true, always_escape_single: false };
const BYTEARRAY: Form = Form { prefix: "b", ascii: true, always_escape_single: true };

#[test]
fn strings() {
    let rows: &[(&[u32], &str, &str)] = &[
        (&[], "''", "u''"),
        (&[0x61], "'a'", "u'a'"),
        (&[0x69, 0x74, 0x27, 0x73], "\"it's\"", "u\"it's\""),
        (&[0x73, 0x61, 0x79, 0x20, 0x22, 0x68, 0x69, 0x22], "'say \"hi\"'", "u'say \"hi\"'"),
        (
            &[0x69, 0x74, 0x27, 0x73, 0x20, 0x22, 0x62, 0x6f, 0x74, 0x68, 0x22],
            "'it\\'s \"both\"'",
            "u'it\\'s \"both\"'",
        ),
        (&[0x0, 0x1, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x7f], "'\\x00\\x01\\x1b[31m\\x7f'", "u'\\x00\\x01\\x1b[31m\\x7f'"),
        (&[0x9, 0xa, 0xd, 0x5c], "'\\t\\n\\r\\\\'", "u'\\t\\n\\r\\\\'"),
        (&[0x63, 0x61, 0x66, 0xe9], "'café'", "u'caf\\xe9'"),
        (&[0xff, 0x80, 0xa0, 0xad], "'ÿ\\x80\\xa0\\xad'", "u'\\xff\\x80\\xa0\\xad'"),
        (&[0x6f22, 0x5b57], "'漢字'", "u'\\u6f22\\u5b57'"),
        (&[0x200b, 0x2028, 0xfeff, 0xe000], "'\\u200b\\u2028\\ufeff\\ue000'", "u'\\u200b\\u2028\\ufeff\\ue000'"),
        (&[0x1f600], "'😀'", "u'\\U0001f600'"),
        (&[0x78, 0x1f1eb, 0x1f1f7, 0x10ffff], "'x🇫🇷\\U0010ffff'", "u'x\\U0001f1eb\\U0001f1f7\\U0010ffff'"),
        (&[0xd800], "'\\ud800'", "u'\\ud800'"),
        (&[0xdcff, 0x20, 0x6c, 0x6f, 0x6e, 0x65], "'\\udcff lone'", "u'\\udcff lone'"),
        (&[0x65, 0x301], "'é'", "u'e\\u0301'"),
        (&[0x202e, 0x74, 0x78, 0x74], "'\\u202etxt'", "u'\\u202etxt'"),
        (&[0x378], "'\\u0378'", "u'\\u0378'"),
        (&[0x3000], "'\\u3000'", "u'\\u3000'"),
        (&[0xb7, 0x2029], "'·\\u2029'", "u'\\xb7\\u2029'"),
    ];
    for (points, text, unicode) in rows {
        assert_eq!(quote(points, STR, usize::MAX), Quoted { text: (*text).to_owned(), shown: points.len() });
        assert_eq!(quote(points, UNICODE, usize::MAX).text, *unicode);
    }
}

#[test]
fn byte_strings() {
    let rows: &[(&[u8], &str)] = &[
        (b"", "b''"),
        (b"\x61\x62\x63", "b'abc'"),
        (b"\x69\x74\x27\x73", "b\"it's\""),
        (b"\x22", "b'\"'"),
        (b"\x69\x74\x27\x73\x20\x22\x62\x6f\x74\x68\x22\x20\x00\xff\x0a\x5c", "b'it\\'s \"both\" \\x00\\xff\\n\\\\'"),
        (b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20\x7f\x80\xff", "b'\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\t\\n\\x0b\\x0c\\r\\x0e\\x0f\\x10\\x11\\x12\\x13\\x14\\x15\\x16\\x17\\x18\\x19\\x1a\\x1b\\x1c\\x1d\\x1e\\x1f \\x7f\\x80\\xff'"),
    ];
    for (bytes, text) in rows {
        let points: Vec<u32> = bytes.iter().map(|byte| u32::from(*byte)).collect();
        assert_eq!(quote(&points, BYTES, usize::MAX).text, *text);
    }
    let points = b"it's".map(u32::from);
    assert_eq!(quote(&points, BYTEARRAY, usize::MAX).text, r#"b"it\'s""#);
}

#[test]
fn cut_strings_hold_whole_characters_only() {
    let points = "a\n\u{1f600}'\u{10ffff}".chars().map(u32::from).collect::<Vec<_>>();
    let rows = [
        (0, "\"\"", 0),
        (1, "\"a\"", 1),
        (2, "\"a\"", 1),
        (3, "\"a\\n\"", 2),
        (4, "\"a\\n\u{1f600}\"", 3),
        (14, "\"a\\n\u{1f600}'\"", 4),
        (15, "\"a\\n\u{1f600}'\\U0010ffff\"", 5),
    ];
    for (room, text, shown) in rows {
        assert_eq!(quote(&points, STR, room), Quoted { text: text.to_owned(), shown }, "{room}");
    }
    // No character beyond Unicode can be shown, and none can do harm.
    assert_eq!(quote(&[0xffff_ffff, 0x11_0000], STR, 99).text, r"'\Uffffffff\U00110000'");
}
